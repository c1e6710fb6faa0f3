package kustomization

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// patchText is one document of a patch and where its fields stand.
type patchText struct {
	value any
	at    func(pointer string) finding.Position
	texts []text
}

// patch notes what patchesStrategicMerge and patches of a layer write.
func (w *walk) patch(l *layer, objects []*declared) {
	for i, v := range l.content.List("patchesStrategicMerge") {
		s, _ := v.(string)
		pointer := fmt.Sprintf("/patchesStrategicMerge/%d", i)
		if strings.Contains(s, "\n") {
			w.apply(w.inline(l, pointer, s), nil, objects)
		} else {
			w.apply(w.patchFile(l, s), nil, objects)
		}
	}
	w.patchList(l, "patches", objects)
}

// patchLast notes what patchesJson6902 of a layer writes.
func (w *walk) patchLast(l *layer, objects []*declared) { w.patchList(l, "patchesJson6902", objects) }

func (w *walk) patchList(l *layer, field string, objects []*declared) {
	for i, v := range l.content.List(field) {
		p := loose.Of(v)
		docs := w.patchFile(l, p.Text("path"))
		if p.Text("patch") != "" {
			docs = w.inline(l, fmt.Sprintf("/%s/%d/patch", field, i), p.Text("patch"))
		}
		target, _ := p["target"].(map[string]any)
		w.apply(docs, target, objects)
	}
}

func (w *walk) patchFile(l *layer, name string) []patchText {
	if name == "" {
		return nil
	}
	f, ok := w.files[clean(entry{text: name, layer: l}.target())]
	if !ok || f.Origin == nil {
		return nil
	}
	var out []patchText
	for _, d := range f.Origin.Documents() {
		if d.Root == nil {
			continue
		}
		value, err := repo.Value(d.Root)
		if err != nil {
			continue
		}
		out = append(out, patchText{value: value, at: d.At, texts: []text{{file: f.Origin, node: d.Root, doc: d}}})
	}
	return out
}

func (w *walk) apply(docs []patchText, target loose.Fields, objects []*declared) {
	for _, p := range docs {
		match := selects(target)
		ops, isOps := p.value.([]any)
		if target == nil {
			if isOps {
				continue
			}
			match = ofPatch(loose.Of(p.value))
		}
		for _, o := range objects {
			if !match(o) {
				continue
			}
			o.texts, o.patched = append(o.texts, p.texts...), true
			o.edits = append(o.edits, func(final map[string]any) []render.Writer {
				if isOps {
					return opWriters(ops, final, p.at)
				}
				m := merge{at: p.at}
				m.object(loose.Of(p.value), final, "", "")
				return m.out
			})
		}
	}
}

// ofPatch selects the object that a strategic merge patch names.
func ofPatch(p loose.Fields) func(*declared) bool {
	meta := p.Sub("metadata")
	return func(o *declared) bool {
		ns := meta.Text("namespace")
		return o.kind == p.Text("kind") && o.group == groupOf(p.Text("apiVersion")) &&
			(o.name == meta.Text("name") || o.nowName == meta.Text("name")) &&
			(ns == "" || ns == o.namespace || ns == o.nowSpace || ns == "default" && o.nowSpace == "")
	}
}

// selects is a patch target; its fields are anchored regular expressions.
func selects(t loose.Fields) func(*declared) bool {
	is := func(field string, values ...string) bool {
		want := t.Text(field)
		if want == "" {
			return true
		}
		re, err := regexp.Compile("^(?:" + strings.TrimSuffix(strings.TrimPrefix(want, "^"), "$") + ")$")
		if err != nil {
			return false
		}
		for _, v := range values {
			if re.MatchString(v) {
				return true
			}
		}
		return false
	}
	return func(o *declared) bool {
		return is("group", o.group) && is("kind", o.kind) && is("name", o.name, o.nowName) &&
			is("namespace", or(o.namespace, "default"), or(o.nowSpace, "default"), o.namespace) &&
			carries(t.Text("labelSelector"), o.labels) && carries(t.Text("annotationSelector"), o.annotations)
	}
}

func carries(selector string, values map[string]string) bool {
	if selector == "" {
		return true
	}
	s, err := labels.Parse(selector)
	return err == nil && s.Matches(labels.Set(values))
}

// opWriters are the writers of a JSON patch. A removal leaves nothing to point at.
func opWriters(ops []any, final map[string]any, at func(string) finding.Position) []render.Writer {
	m := merge{at: at}
	ends := map[string]int{} // elements that later operations append, by list
	for _, v := range ops {
		if list, ok := strings.CutSuffix(loose.Of(v).Text("path"), "/-"); ok && loose.Of(v).Text("op") == "add" {
			ends[list]++
		}
	}
	for i, v := range ops {
		op := loose.Of(v)
		pointer, from := op.Text("path"), fmt.Sprintf("/%d/value", i)
		switch op.Text("op") {
		case "remove", "test":
			continue
		case "copy", "move":
			from = fmt.Sprintf("/%d/from", i)
		}
		if list, ok := strings.CutSuffix(pointer, "/-"); ok {
			items, _ := valueAt(final, list).([]any)
			pointer = fmt.Sprintf("%s/%d", list, appended(items, op["value"], ends[list]))
			ends[list]--
		}
		m.out = append(m.out, render.Writer{Pointer: pointer, What: "patch", Pos: at(from)})
		m.verbatim(op["value"], pointer, from)
	}
	return m.out
}

// appended is the index of an element that was appended as one of so many.
func appended(items []any, value any, of int) int {
	for i := max(0, len(items)-of); i < len(items); i++ {
		if alike(items[i], value) {
			return i
		}
	}
	return max(0, len(items)-of)
}

func valueAt(v any, pointer string) any {
	for _, t := range finding.Tokens(pointer) {
		switch c := v.(type) {
		case map[string]any:
			v = c[t]
		case []any:
			var i int
			if _, err := fmt.Sscanf(t, "%d", &i); err != nil || i < 0 || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}
