package schemas

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

// copied are the keywords that mean the same in a CRD and in JSON Schema.
// Formats are left to the API server.
var copied = []string{
	"enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
	"minLength", "minProperties", "minimum", "multipleOf", "uniqueItems",
}

// translateRoot translates the schema of a custom kind. The API server sees to
// apiVersion, kind and metadata, whatever the CRD says about them.
func translateRoot(in map[string]any) map[string]any {
	if in == nil {
		in = map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	}
	out := translate(in)
	addObjectFields(out)
	return out
}

// addObjectFields adds what every object has.
func addObjectFields(out map[string]any) {
	properties, _ := out["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	properties["apiVersion"] = map[string]any{"type": "string"}
	properties["kind"] = map[string]any{"type": "string"}
	properties["metadata"] = map[string]any{"$ref": archive.Prefix + objectMeta}
	out["properties"] = properties
}

// translate turns a structural schema into the form of package archive.
func translate(in map[string]any) map[string]any {
	out := map[string]any{}
	translateType(in, out)
	translateValues(in, out)
	translateObject(in, out)
	if items, ok := in["items"].(map[string]any); ok {
		out["items"] = translate(items)
	}
	switch in["x-kubernetes-list-type"] {
	case "map":
		if keys, ok := in["x-kubernetes-list-map-keys"].([]any); ok {
			out[archive.KeywordListKeys] = keys
		}
	case "set":
		out[archive.KeywordSet] = true
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := in[keyword].([]any)
		var parts []any
		for _, item := range list {
			if part, ok := item.(map[string]any); ok {
				parts = append(parts, translate(part))
			}
		}
		if len(parts) > 0 {
			out[keyword] = parts
		}
	}
	if not, ok := in["not"].(map[string]any); ok {
		out["not"] = translate(not)
	}
	if in["x-kubernetes-embedded-resource"] == true {
		addObjectFields(out)
		out["required"] = []any{"apiVersion", "kind"}
	}
	return out
}

func translateType(in, out map[string]any) {
	var names []any
	switch name, _ := in["type"].(string); {
	case in["x-kubernetes-int-or-string"] == true:
		names = []any{"integer", "string"}
	case name != "":
		names = []any{name}
	default:
		return
	}
	if in["nullable"] == true {
		names = append(names, "null")
	}
	out["type"] = names
}

func translateValues(in, out map[string]any) {
	for _, keyword := range copied {
		if value, ok := in[keyword]; ok && value != nil {
			out[keyword] = value
		}
	}
	if values, ok := in["enum"].([]any); ok {
		delete(out, "enum")
		if in["nullable"] == true {
			values = append(slices.Clone(values), nil)
		}
		if len(values) > 0 {
			out["enum"] = distinct(values)
		}
	}
	if pattern, ok := in["pattern"].(string); ok {
		// A CRD with an unreadable pattern is refused; its objects are not to blame.
		if _, err := regexp.Compile(pattern); err == nil {
			out["pattern"] = pattern
		}
	}
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if limit, ok := in[bound]; ok && in[exclusive] == true {
			delete(out, bound)
			out[exclusive] = limit
		}
	}
	if value, ok := in["default"]; ok {
		out["default"] = value
	}
}

// distinct drops repeated values, which JSON Schema does not allow in an enum.
func distinct(values []any) []any {
	var out []any
	seen := map[string]bool{}
	for _, value := range values {
		raw, err := json.Marshal(value)
		if err != nil || seen[string(raw)] {
			continue
		}
		seen[string(raw)] = true
		out = append(out, value)
	}
	return out
}

func translateObject(in, out map[string]any) {
	if in["x-kubernetes-preserve-unknown-fields"] == true {
		out[archive.KeywordOpen] = true
	}
	switch additional := in["additionalProperties"].(type) {
	case map[string]any:
		out["additionalProperties"] = translate(additional)
	case bool:
		if additional {
			out["additionalProperties"] = true
		}
	}
	properties, _ := in["properties"].(map[string]any)
	if len(properties) > 0 {
		translated := make(map[string]any, len(properties))
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			property, _ := properties[name].(map[string]any)
			translated[name] = translate(property)
		}
		out["properties"] = translated
	}
	required, _ := in["required"].([]any)
	var names []any
	for _, name := range required {
		// The API server fills in defaults before it looks for required fields.
		text, _ := name.(string)
		property, _ := properties[text].(map[string]any)
		if property["default"] == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		out["required"] = names
	}
}
