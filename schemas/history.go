package schemas

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// FluxVersions returns the minors of Flux that the catalog knows, oldest first.
func FluxVersions() []string {
	out := make([]string, 0, newestFluxMinor+1)
	for minor := range newestFluxMinor + 1 {
		out = append(out, fmt.Sprintf("2.%d", minor))
	}
	return out
}

// newestFluxMinor is the newest minor of Flux 2 that fluxHistory tells of.
const newestFluxMinor = 10

// FluxSince returns the minor of Flux that brought the field of a Flux kind
// that a JSON pointer names; false if it is as old as the kind or no such field.
func FluxSince(gk schema.GroupKind, pointer string) (string, bool) {
	path := fieldPath(pointer)
	for _, row := range fluxHistory {
		if row.group != gk.Group || row.kind != gk.Kind {
			continue
		}
		switch {
		case row.what == fieldAdded && row.path == path:
			return row.since, true
		case row.what == fieldsAdded && slices.ContainsFunc(strings.Fields(row.values), func(name string) bool { return row.path+"."+name == path }):
			return row.since, true
		}
	}
	return "", false
}

// fieldPath makes /spec/valuesFrom/0/literal the path spec.valuesFrom.literal.
func fieldPath(pointer string) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return strings.Trim(p, "0123456789") == "" }), ".")
}

type historyChange string

const (
	kindAdded      historyChange = "kind"            // the kind did not exist
	versionAdded   historyChange = "version"         // path is a version, like that of from but for the fields in values
	fieldAdded     historyChange = "field"           // of the values, if there are any
	fieldsAdded    historyChange = "fields"          // values are fields of the one at path
	valuesAdded    historyChange = "values"          // of the enumeration at path
	fieldOptional  historyChange = "optional"        // it was required
	rulesAdded     historyChange = "rules"           // of validation, in CEL
	patternRemoved historyChange = "pattern-removed" // values is the pattern
)

// historyRow is something that the CRD of a kind has since a minor of Flux, in
// all of its versions. Items of a list have no part in path.
type historyRow struct {
	since, group, kind string
	path               string
	what               historyChange
	from               string
	values             string // separated by spaces
}

// shaped returns the CRDs of the embedded Flux as those of another minor.
func shaped(crds []*unstructured.Unstructured, flux *semver.Version) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	embedded := semver.MustParse(FluxVersion)
	for _, crd := range crds {
		exists := true
		for _, row := range fluxHistory {
			if group, kind := crdKind(crd); group != row.group || kind != row.kind {
				continue
			}
			since := semver.MustParse(row.since)
			has, had := !minorBefore(flux, since), !minorBefore(embedded, since)
			switch {
			case has == had:
			case row.what == kindAdded:
				exists = has
			case has:
				row.apply(crd)
			default:
				row.undo(crd)
			}
		}
		if exists {
			out = append(out, crd)
		}
	}
	return out
}

func minorBefore(a, b *semver.Version) bool {
	return a.Major() < b.Major() || a.Major() == b.Major() && a.Minor() < b.Minor()
}

func crdKind(crd *unstructured.Unstructured) (group, kind string) {
	group, _, _ = unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ = unstructured.NestedString(crd.Object, "spec", "names", "kind")
	return group, kind
}

// undo takes from a CRD what a later minor brought.
func (row historyRow) undo(crd *unstructured.Unstructured) {
	row.each(crd, func(parent map[string]any, name string) {
		properties, _ := parent["properties"].(map[string]any)
		field, _ := properties[name].(map[string]any)
		switch row.what {
		case fieldAdded:
			delete(properties, name)
		case fieldsAdded:
			for _, added := range strings.Fields(row.values) {
				delete(itemProperties(field), added)
			}
		case valuesAdded:
			remove(innermost(field), "enum", strings.Fields(row.values))
		case fieldOptional:
			required, _ := parent["required"].([]any)
			parent["required"] = append(slices.Clone(required), name)
		case rulesAdded:
			delete(field, "x-kubernetes-validations")
		case patternRemoved:
			field["pattern"] = row.values
		}
	})
}

// apply gives a CRD what a minor later than the embedded one brought. New
// fields take anything.
func (row historyRow) apply(crd *unstructured.Unstructured) {
	if row.what == versionAdded {
		row.addVersion(crd)
		return
	}
	row.each(crd, func(parent map[string]any, name string) {
		properties, _ := parent["properties"].(map[string]any)
		field, _ := properties[name].(map[string]any)
		switch row.what {
		case fieldAdded:
			properties[name] = anything()
			if row.values != "" {
				properties[name] = map[string]any{"type": "string", "enum": list(strings.Fields(row.values))}
			}
		case fieldsAdded:
			for _, added := range strings.Fields(row.values) {
				itemProperties(field)[added] = anything()
			}
		case valuesAdded:
			field = innermost(field)
			enum, _ := field["enum"].([]any)
			field["enum"] = append(slices.Clone(enum), list(strings.Fields(row.values))...)
		case fieldOptional:
			remove(parent, "required", []string{name})
		}
	})
}

// addVersion makes a new version, in which the objects are stored from then on.
func (row historyRow) addVersion(crd *unstructured.Unstructured) {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, item := range versions {
		version, _ := item.(map[string]any)
		if version["name"] != row.from {
			continue
		}
		added := (&unstructured.Unstructured{Object: version}).DeepCopy().Object
		added["name"], version["storage"], version["deprecated"] = row.path, false, true
		for _, dropped := range strings.Fields(row.values) {
			gone := historyRow{path: dropped, what: fieldAdded}
			gone.eachIn(added, func(parent map[string]any, name string) { delete(itemProperties(parent), name) })
		}
		// The list was read into a copy, so a CRD that lacks the path stays as it is.
		_ = unstructured.SetNestedSlice(crd.Object, append([]any{added}, versions...), "spec", "versions")
		return
	}
}

// each calls edit, in every version, with the schema that holds the field at path.
func (row historyRow) each(crd *unstructured.Unstructured, edit func(parent map[string]any, name string)) {
	spec, _ := crd.Object["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	for _, item := range versions {
		version, _ := item.(map[string]any)
		row.eachIn(version, edit)
	}
}

func (row historyRow) eachIn(version map[string]any, edit func(parent map[string]any, name string)) {
	holder, _ := version["schema"].(map[string]any)
	parent, _ := holder["openAPIV3Schema"].(map[string]any)
	names := strings.Split(row.path, ".")
	last := len(names) - 1
	for _, name := range names[:last] {
		properties, _ := parent["properties"].(map[string]any)
		parent, _ = properties[name].(map[string]any)
		parent = innermost(parent)
	}
	if _, ok := parent["properties"].(map[string]any); ok {
		edit(parent, names[last])
	}
}

// innermost is the schema of the items of a list, else the schema itself.
func innermost(field map[string]any) map[string]any {
	for {
		items, ok := field["items"].(map[string]any)
		if !ok {
			return field
		}
		field = items
	}
}

func itemProperties(field map[string]any) map[string]any {
	properties, _ := innermost(field)["properties"].(map[string]any)
	return properties
}

// remove takes texts from a list of a schema; a list without any is gone.
func remove(field map[string]any, key string, texts []string) {
	have, _ := field[key].([]any)
	left := slices.DeleteFunc(slices.Clone(have), func(v any) bool {
		text, _ := v.(string)
		return slices.Contains(texts, text)
	})
	if len(left) == 0 {
		delete(field, key)
		return
	}
	if field != nil {
		field[key] = left
	}
}

func list(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

func anything() map[string]any { return map[string]any{"x-kubernetes-preserve-unknown-fields": true} }
