package kustomization

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// merge finds the leaves that a strategic merge patch writes.
type merge struct {
	at  func(pointer string) finding.Position
	out []render.Writer
}

// mergeKeys identify the elements of lists, the most usual first.
var mergeKeys = []string{"name", "mountPath", "containerPort", "port", "key", "ip", "devicePath", "topologyKey", "type", "uid"}

func (m *merge) object(patch fields, final any, pointer, from string) {
	for _, k := range slices.Sorted(maps.Keys(patch)) {
		if strings.HasPrefix(k, "$") || pointer == "" && (k == "apiVersion" || k == "kind") {
			continue
		}
		to, origin := pointer+finding.Pointer(k), from+finding.Pointer(k)
		if pointer == "/metadata" && (k == "name" || k == "namespace") {
			continue
		}
		m.value(patch[k], object(final)[k], to, origin)
	}
}

func (m *merge) value(patch, final any, pointer, from string) {
	switch p := patch.(type) {
	case map[string]any:
		if len(p) > 0 {
			m.object(p, final, pointer, from)
			return
		}
	case []any:
		if m.list(p, final, pointer, from) {
			return
		}
	}
	m.out = append(m.out, render.Writer{Pointer: pointer, What: "patch", Pos: m.at(from)})
}

// list pairs the elements of a patch with those of the result and reports
// whether all found their partner. If not, the list as a whole is written.
func (m *merge) list(patch []any, final any, pointer, from string) bool {
	items, _ := final.([]any)
	pairs := make([]int, len(patch))
	for i, p := range patch {
		e, ok := p.(map[string]any)
		if !ok {
			return false
		}
		if _, directive := e["$patch"]; directive {
			pairs[i] = -1
			continue
		}
		if pairs[i] = partner(e, items); pairs[i] < 0 {
			return false
		}
	}
	for i, p := range patch {
		if pairs[i] >= 0 {
			m.object(object(p), items[pairs[i]], fmt.Sprintf("%s/%d", pointer, pairs[i]), fmt.Sprintf("%s/%d", from, i))
		}
	}
	return len(patch) > 0
}

func partner(e fields, items []any) int {
	for _, key := range mergeKeys {
		want, ok := e[key]
		if !ok {
			continue
		}
		return slices.IndexFunc(items, func(v any) bool { return fmt.Sprint(object(v)[key]) == fmt.Sprint(want) })
	}
	return slices.IndexFunc(items, func(v any) bool { return reflect.DeepEqual(v, map[string]any(e)) })
}
