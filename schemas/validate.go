package schemas

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ViolationKind says in which way a value is wrong. It is stable.
type ViolationKind string

// The kinds of violation.
const (
	KindType         ViolationKind = "type"          // a value of another type is wanted
	KindUnknownField ViolationKind = "unknown-field" // the schema has no such field
	KindRequired     ViolationKind = "required"      // a field is missing
	KindEnum         ViolationKind = "enum"          // none of the allowed values
	KindPattern      ViolationKind = "pattern"       // text that is not written as wanted
	KindMinimum      ViolationKind = "minimum"       // too small, too large, too short, too long
	KindDuplicate    ViolationKind = "duplicate"     // two items of a list have the same key
	KindOther        ViolationKind = "other"
)

// Violation is one reason for which the API server refuses an object.
type Violation struct {
	// Pointer is the JSON pointer of the wrong value: for an unknown field that
	// of the field, for a missing one that of the object that lacks it.
	Pointer string
	Kind    ViolationKind
	// Field is the name of the unknown or missing field.
	Field   string
	Message string
	// Suggestion is what to write instead: a field name, or a value as it
	// stands in YAML; empty if there is no good one.
	Suggestion string
}

// Validate returns the reasons for which a server-side apply of the object is
// refused, sorted by pointer. It is silent about kinds that it has no schema
// for, and where it can't be certain. The object is not changed.
func (c *Catalog) Validate(object map[string]any) []Violation {
	gvk, ok := objectKind(object)
	if !ok {
		return nil
	}
	var found []Violation
	if crd, ok := c.crds[gvk.GroupKind()]; ok && crd.version(gvk.Version) != nil {
		found = crd.validate(object, gvk)
		for i, v := range found {
			if since, ok := FluxSince(gvk.GroupKind(), v.Pointer); ok && v.Kind == KindUnknownField {
				found[i].Message, found[i].Suggestion = fmt.Sprintf("%s: Flux has it since %s", v.Message, since), ""
			}
		}
	} else if kind, ok := c.builtin.kinds[gvk]; ok {
		found = c.builtin.validate(object, kind.Definition, gvk.Kind)
		if kind.Named {
			found = append(found, nameViolations(object, gvk.Kind)...)
		}
	}
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(found)
}

func objectKind(object map[string]any) (schema.GroupVersionKind, bool) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil || apiVersion == "" || kind == "" {
		return schema.GroupVersionKind{}, false
	}
	return gv.WithKind(kind), true
}

func (b *builtins) validate(object map[string]any, definition, kind string) []Violation {
	walk := structure{builtin: b, kind: kind, lenient: true}
	cleaned, _ := walk.clean(object, b.node(definition), nil).(map[string]any)
	compiled, err := b.schema(definition)
	if err != nil {
		return append(walk.found, unusable(kind, err))
	}
	// The API server ignores the status of what is applied.
	delete(cleaned, "status")
	checked := values{object: cleaned, kind: kind, source: keywords{builtin: b}, lenient: true}
	return append(walk.found, valueViolations(compiled, cleaned, checked)...)
}

func (c *custom) validate(object map[string]any, gvk schema.GroupVersionKind) []Violation {
	version := c.version(gvk.Version)
	if err := version.prepare(c.builtin); err != nil {
		return []Violation{unusable(gvk.Kind, err)}
	}
	walk := structure{builtin: c.builtin, kind: gvk.Kind}
	cleaned, _ := walk.clean(object, version.root, nil).(map[string]any)
	if version.status {
		delete(cleaned, "status")
	}
	checked := values{
		object: cleaned, kind: gvk.Kind, operator: c.source == SourceFlux,
		source: keywords{builtin: c.builtin, custom: version.raw},
	}
	found := append(walk.found, valueViolations(version.compiled, cleaned, checked)...)
	return append(found, nameViolations(object, gvk.Kind)...)
}

func unusable(kind string, err error) Violation {
	return Violation{Kind: KindOther, Message: fmt.Sprintf("the schema of %s can not be used: %v", kind, err)}
}

// valueViolations checks values against a compiled schema.
func valueViolations(compiled *jsonschema.Schema, object map[string]any, v values) []Violation {
	err := compiled.Validate(object)
	if err == nil {
		return nil
	}
	invalid, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return []Violation{{Kind: KindOther, Message: fmt.Sprintf("%s can not be checked: %v", v.kind, err)}}
	}
	v.leaves(invalid)
	return v.found
}
