package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/internal/spelling"
)

// structure walks an object along its schema. It notes unknown fields and
// duplicate list items, and yields a copy without the nulls that the API
// server drops.
type structure struct {
	builtin *builtins
	kind    string
	lenient bool // every null is dropped, as decoding into a Go type does
	parents []*node
	found   []Violation
}

// clean returns the copy of a value that stands at a path.
func (s *structure) clean(value any, n *node, at path) any {
	n, definition := n.resolve(s.builtin)
	switch value := value.(type) {
	case map[string]any:
		if definition == objectMeta && (len(at) == 1 || s.inPodTemplate(at)) {
			s.found = append(s.found, metadataViolations(value, s.kind, at)...)
		}
		return s.cleanMap(value, n, at)
	case []any:
		if n.Items == nil {
			return value
		}
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = s.clean(item, n.Items, at.index(i))
		}
		s.duplicates(out, n, at)
		return out
	}
	return value
}

// inPodTemplate reports whether metadata at a path is that of a pod template,
// the only nested metadata that the API server validates.
func (s *structure) inPodTemplate(at path) bool {
	return s.lenient && len(at) >= 2 && at[len(at)-2] == "template"
}

func (s *structure) cleanMap(value map[string]any, n *node, at path) any {
	if len(n.Type) > 0 && !slices.Contains(n.Type, "object") {
		return value
	}
	s.parents = append(s.parents, n)
	defer func() { s.parents = s.parents[:len(s.parents)-1] }()
	out := make(map[string]any, len(value))
	for _, name := range slices.Sorted(maps.Keys(value)) {
		field := value[name]
		child, listed := n.Properties[name]
		switch {
		case listed:
		case n.closed():
			s.unknown(name, n, at)
			continue
		case n.Additional != nil && n.Additional.node != nil:
			child = n.Additional.node
		default:
			out[name] = field
			continue
		}
		if field == nil {
			if resolved, _ := child.resolve(s.builtin); s.lenient || !resolved.nullable() {
				continue
			}
		}
		out[name] = s.clean(field, child, at.field(name))
	}
	return out
}

func (s *structure) unknown(name string, n *node, at path) {
	names := slices.Sorted(maps.Keys(n.Properties))
	v := Violation{
		Pointer:    at.field(name).pointer(),
		Kind:       KindUnknownField,
		Field:      name,
		Message:    fmt.Sprintf("%q is no field of %s", name, at.words(s.kind)),
		Suggestion: spelling.Nearest(name, names),
	}
	if v.Suggestion == "" {
		v.Message += s.elsewhere(name, at)
	}
	s.found = append(s.found, v)
}

// elsewhere names the object around that has the field: one indented too far.
func (s *structure) elsewhere(name string, at path) string {
	for depth := len(s.parents) - 2; depth >= 0 && len(s.parents)-1 == len(at); depth-- {
		if _, listed := s.parents[depth].Properties[name]; listed {
			return fmt.Sprintf(", but one of %s", at[:depth].words(s.kind))
		}
	}
	return ""
}

// duplicates notes items that have the key of an earlier one.
func (s *structure) duplicates(items []any, n *node, at path) {
	if len(n.ListKeys) == 0 && !n.Set {
		return
	}
	item, _ := n.Items.resolve(s.builtin)
	first := map[string]int{}
	for i, value := range items {
		key, words, ok := listKey(value, n, item)
		if !ok {
			continue
		}
		if earlier, dup := first[key]; dup {
			s.found = append(s.found, Violation{
				Pointer: at.index(i).pointer(),
				Kind:    KindDuplicate,
				Message: fmt.Sprintf("%s has the same %s as %s", at.index(i).words(s.kind), words, at.index(earlier).words(s.kind)),
			})
			continue
		}
		first[key] = i
	}
}

// listKey returns what names an item of a list, and the words for it.
func listKey(value any, n, item *node) (key, words string, ok bool) {
	if n.Set {
		switch value.(type) {
		case string, int64, float64, bool:
			return fmt.Sprintf("%T %v", value, value), fmt.Sprintf("value %q", fmt.Sprint(value)), true
		}
		return "", "", false
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return "", "", false
	}
	parts := make([]string, 0, len(n.ListKeys))
	for _, name := range n.ListKeys {
		part, present := object[name]
		if present {
			ok = true
		} else if property := item.Properties[name]; property != nil {
			part = property.Default
		}
		raw, err := json.Marshal(part)
		if err != nil {
			return "", "", false
		}
		parts = append(parts, name+" "+string(raw))
	}
	return strings.Join(parts, "\x00"), strings.Join(parts, ", "), ok
}
