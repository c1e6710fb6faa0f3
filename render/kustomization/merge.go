package kustomization

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// merge finds the leaves that a strategic merge patch writes.
type merge struct {
	at     func(pointer string) finding.Position
	partly bool // list elements may be missing in the result
	out    []render.Writer
}

// mergeKeys identify the elements of lists, the most usual first.
var mergeKeys = []string{"name", "mountPath", "containerPort", "port", "key", "ip", "devicePath", "topologyKey", "type", "uid"}

func (m *merge) object(patch loose.Fields, final any, pointer, from string) {
	for _, k := range slices.Sorted(maps.Keys(patch)) {
		if strings.HasPrefix(k, "$") || pointer == "" && (k == "apiVersion" || k == "kind") {
			continue
		}
		to, origin := pointer+finding.Pointer(k), from+finding.Pointer(k)
		if pointer == "/metadata" && (k == "name" || k == "namespace") {
			continue
		}
		m.value(patch[k], loose.Of(final)[k], to, origin)
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

// named returns what was found, as the work of a kind of writer.
func (m *merge) named(what string) []render.Writer {
	for i := range m.out {
		m.out[i].What = what
	}
	return m.out
}

// verbatim notes every part of a value that is written as it is.
func (m *merge) verbatim(value any, pointer, from string) {
	note := func(v any, token string) {
		m.out = append(m.out, render.Writer{Pointer: pointer + token, What: "patch", Pos: m.at(from + token)})
		m.verbatim(v, pointer+token, from+token)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			note(v[k], finding.Pointer(k))
		}
	case []any:
		for i, item := range v {
			note(item, "/"+itoa(i))
		}
	}
}

// list pairs the elements of a patch with those of the result. An element that
// finds no partner is not in the result any more, or under another key: then
// what is left of the list is written where the patch has it, and false when
// that is all of it.
func (m *merge) list(patch []any, final any, pointer, from string) bool {
	items, _ := final.([]any)
	taken, lost := make([]bool, len(items)), false
	pairs := make([]int, len(patch))
	for i, p := range patch {
		pairs[i] = partner(p, items, taken)
		if pairs[i] >= 0 {
			taken[pairs[i]] = true
		} else if _, directive := loose.Of(p)["$patch"]; !directive {
			lost = true
		}
	}
	if whole := len(patch) == len(items) && len(patch) > 0 && alike(patch, items); whole || lost && !m.partly {
		m.out = append(m.out, render.Writer{Pointer: pointer, What: "patch", Pos: m.at(from)})
	}
	for i, p := range patch {
		if pairs[i] >= 0 {
			m.value(p, items[pairs[i]], fmt.Sprintf("%s/%d", pointer, pairs[i]), fmt.Sprintf("%s/%d", from, i))
		}
	}
	return len(patch) > 0
}

// partner is the index of the list element that an element became, -1 when there is none.
func partner(element any, items []any, taken []bool) int {
	e, ok := element.(map[string]any)
	key := slices.IndexFunc(mergeKeys, func(k string) bool { _, has := e[k]; return has })
	best, most := -1, 0
	for i, v := range items {
		score := 0
		switch {
		case taken[i]:
		case !ok || key < 0:
			if alike(v, element) {
				score = 1
			}
		default:
			score = likeness(e, loose.Of(v), key)
		}
		if score > most {
			best, most = i, score
		}
	}
	return best
}

// alike compares values whose numbers may have other types.
func alike(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// likeness counts the merge keys that two elements share, 0 when they differ in
// the most usual one that the first has.
func likeness(e, item loose.Fields, first int) int {
	n := 0
	for i, k := range mergeKeys[first:] {
		want, has := e[k]
		if has && fmt.Sprint(item[k]) == fmt.Sprint(want) {
			n++
		} else if i == 0 {
			return 0
		}
	}
	return n
}
