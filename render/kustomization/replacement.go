package kustomization

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// replace notes the fields that replacements of a layer write. The place to
// edit is the field that the value is from.
func (w *walk) replace(l *layer, objects []*declared) {
	for i, v := range l.content.List("replacements") {
		pointer := fmt.Sprintf("/replacements/%d", i)
		at := func(p string) finding.Position { return l.At(pointer + p) }
		list, prefix := []any{v}, func(int) string { return "" }
		if file := loose.Of(v).Text("path"); file != "" {
			list, at, prefix = w.replacementFile(l, file)
		}
		for k, r := range list {
			replaceOne(loose.Of(r), objects, func(p string) finding.Position { return at(prefix(k) + p) })
		}
	}
}

// replacementFile reads a file of one replacement or of a list of them. It
// returns what finds places in the file, and the pointer of each replacement.
func (w *walk) replacementFile(l *layer, name string) ([]any, func(string) finding.Position, func(int) string) {
	f, ok := w.files[clean(entry{text: name, layer: l}.target())]
	var content any
	if !ok || f.Origin == nil || len(f.Origin.Documents()) == 0 || yaml.Unmarshal(f.Data, &content) != nil {
		return nil, nil, nil
	}
	at := f.Origin.Documents()[0].At
	if list, ok := content.([]any); ok {
		return list, at, func(i int) string { return "/" + itoa(i) }
	}
	return []any{content}, at, func(int) string { return "" }
}

func replaceOne(r loose.Fields, objects []*declared, at func(string) finding.Position) {
	pos := at("/source")
	if _, literal := r["sourceValue"]; literal {
		pos = at("/sourceValue")
	} else if from := sourceOf(r.Sub("source"), objects); !from.IsZero() {
		pos = from
	}
	for _, v := range r.List("targets") {
		t := loose.Of(v)
		match, paths := selects(t.Sub("select")), t.List("fieldPaths")
		if len(paths) == 0 {
			paths = []any{"metadata.name"}
		}
		for _, o := range objects {
			if !match(o) || slices.ContainsFunc(t.List("reject"), func(v any) bool { return len(loose.Of(v)) > 0 && selects(loose.Of(v))(o) }) {
				continue
			}
			o.edits = append(o.edits, func(final map[string]any) []render.Writer {
				var out []render.Writer
				for _, p := range paths {
					s, _ := p.(string)
					for _, pointer := range pointersOf(final, splitPath(s)) {
						out = append(out, render.Writer{Pointer: pointer, What: "replacement", Pos: pos})
					}
				}
				return out
			})
		}
	}
}

// sourceOf is the place of the field that a replacement copies, zero when it is
// not written as such.
func sourceOf(source loose.Fields, objects []*declared) finding.Position {
	match := selects(source)
	for _, o := range objects {
		if !match(o) || source.Text("kind") == "" && source.Text("name") == "" {
			continue
		}
		if o.Doc == nil {
			return finding.Position{}
		}
		content, err := o.Doc.Map()
		if err != nil {
			return finding.Position{}
		}
		for _, pointer := range pointersOf(content, splitPath(or(source.Text("fieldPath"), "metadata.name"))) {
			return o.Doc.At(pointer)
		}
	}
	return finding.Position{}
}

// splitPath splits a field path at its dots, but for those in brackets and
// those with a backslash before them.
func splitPath(s string) []string {
	var out []string
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '.' && depth == 0:
			out = append(out, b.String())
			b.Reset()
		default:
			if c == '[' {
				depth++
			} else if c == ']' {
				depth--
			}
			b.WriteByte(c)
		}
	}
	return append(out, b.String())
}

// pointersOf are the JSON pointers of the values that a field path names.
func pointersOf(v any, segments []string) []string {
	if len(segments) == 0 {
		return []string{""}
	}
	var out []string
	below := func(v any, token string) {
		for _, p := range pointersOf(v, segments[1:]) {
			out = append(out, finding.Pointer(token)+p)
		}
	}
	s := segments[0]
	switch c := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(c)) {
			if k == s || s == "*" {
				below(c[k], k)
			}
		}
	case []any:
		key, value, query := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), "=")
		query = query && strings.HasPrefix(s, "[")
		for i, item := range c {
			if s == "*" || s == itoa(i) || query && fmt.Sprint(loose.Of(item)[key]) == value {
				below(item, itoa(i))
			}
		}
	}
	return out
}
