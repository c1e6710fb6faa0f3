package main

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

const (
	quantity    = "io.k8s.apimachinery.pkg.api.resource.Quantity"
	intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
)

// reduction brings one OpenAPI definition into the embedded form.
type reduction struct {
	definition string
	references []string
}

func (r *reduction) schema(in map[string]any) map[string]any {
	switch r.definition {
	case quantity:
		return map[string]any{"type": []string{"string", "number"}, "format": "quantity"}
	case intOrString:
		return map[string]any{"type": []string{"integer", "string"}}
	}
	if target := reference(in); target != "" {
		r.references = append(r.references, target)
		return map[string]any{"$ref": archive.Prefix + target}
	}
	out := map[string]any{}
	if format := text(in["format"]); format == "int-or-string" {
		out["type"] = []string{"integer", "string"}
	} else if t := text(in["type"]); t != "" {
		out["type"] = t
		if format == "byte" || format == "date-time" {
			out["format"] = format
		}
	}
	if in["x-kubernetes-preserve-unknown-fields"] == true {
		out[archive.KeywordOpen] = true
	}
	r.list(in, out)
	r.object(in, out)
	return out
}

func (r *reduction) list(in, out map[string]any) {
	if items, ok := in["items"].(map[string]any); ok {
		out["items"] = r.schema(items)
	}
	switch text(in["x-kubernetes-list-type"]) {
	case "map":
		out[archive.KeywordListKeys] = in["x-kubernetes-list-map-keys"]
	case "set":
		out[archive.KeywordSet] = true
	}
}

func (r *reduction) object(in, out map[string]any) {
	switch additional := in["additionalProperties"].(type) {
	case map[string]any:
		out["additionalProperties"] = r.schema(additional)
	case bool:
		out["additionalProperties"] = additional
	}
	properties, ok := in["properties"].(map[string]any)
	if !ok {
		return
	}
	reduced := map[string]any{}
	for name, property := range properties {
		p, _ := property.(map[string]any)
		value := r.schema(p)
		// The default of a list key takes part in the identity of an item.
		if s := text(p["default"]); s != "" {
			value["default"] = s
		}
		reduced[name] = value
	}
	out["properties"] = reduced
	if required := r.enforced(in["required"]); len(required) > 0 {
		out["required"] = required
	}
}

// enforced returns the required fields that the API server insists on.
func (r *reduction) enforced(required any) []string {
	list, _ := required.([]any)
	short := strings.TrimPrefix(r.definition, "io.k8s.")
	if neverEnforced(short) {
		return nil
	}
	var names []string
	for _, name := range list {
		if !slices.Contains(zeroIsValid[short], text(name)) {
			names = append(names, text(name))
		}
	}
	slices.Sort(names)
	return names
}

// neverEnforced reports whether required fields of a definition are left to
// the API server: pre-release groups, and kinds whose rules depend on gates.
func neverEnforced(definition string) bool {
	if strings.Contains(definition, "alpha") || strings.Contains(definition, "beta") {
		return true
	}
	for _, prefix := range []string{"api.resource.", "api.storagemigration.", "api.lifecycle.", "api.apiserverinternal.", "api.core.v1.ScaleIO"} {
		if strings.HasPrefix(definition, prefix) {
			return true
		}
	}
	return false
}

// zeroIsValid lists fields that OpenAPI calls required although the API server
// takes their zero value, which an absent field decodes to.
var zeroIsValid = map[string][]string{
	"api.apps.v1.ControllerRevision":          {"data"},
	"api.batch.v1.PodFailurePolicy":           {"rules"},
	"api.batch.v1.SuccessPolicy":              {"rules"},
	"api.core.v1.Event":                       {"involvedObject", "metadata"},
	"api.core.v1.EvictionResponder":           {"name", "priority"},
	"api.core.v1.HTTPHeader":                  {"value"},
	"api.core.v1.ISCSIPersistentVolumeSource": {"lun"},
	"api.core.v1.ISCSIVolumeSource":           {"lun"},
	"api.core.v1.LimitRangeSpec":              {"limits"},
	"api.core.v1.PreferredSchedulingTerm":     {"preference"},
	"api.core.v1.SleepAction":                 {"seconds"},
	"api.core.v1.Sysctl":                      {"value"},
	"api.events.v1.Event":                     {"eventTime"},
	"api.storage.v1.CSIDriver":                {"spec"},
	"api.storage.v1.CSINode":                  {"spec"},
	"api.storage.v1.CSINodeSpec":              {"drivers"},
	"api.storage.v1.TokenRequest":             {"audience"},
	"apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": {"served", "storage"},
}

// reference returns the definition that a schema refers to, also when the
// reference is wrapped to carry a default.
func reference(in map[string]any) string {
	target := text(in["$ref"])
	if all, ok := in["allOf"].([]any); ok && len(all) == 1 {
		only, _ := all[0].(map[string]any)
		target = text(only["$ref"])
	}
	return strings.TrimPrefix(target, "#/components/schemas/")
}
