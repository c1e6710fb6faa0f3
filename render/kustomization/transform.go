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

// pair is a label or annotation that a layer adds, and where else than in the
// metadata it adds it.
type pair struct {
	key, value         string
	pos                finding.Position
	templates, matched bool
}

// decorate notes the labels and annotations that a layer adds.
func decorate(l *layer, field string, objects []*declared) {
	where := "labels"
	if field == "commonAnnotations" {
		where = "annotations"
	}
	for _, p := range l.pairs(field) {
		for _, o := range objects {
			o.edits = append(o.edits, func(final map[string]any) []render.Writer {
				out := []render.Writer{{Pointer: finding.Pointer("metadata", where, p.key), What: "label", Pos: p.pos}}
				if p.templates || p.matched {
					p.inside(final, "", func(pointer string) {
						out = append(out, render.Writer{Pointer: pointer, What: "label", Pos: p.pos})
					})
				}
				return out
			})
		}
	}
}

func (l *layer) pairs(field string) []pair {
	var out []pair
	if field != "labels" {
		for _, k := range slices.Sorted(maps.Keys(l.content.Sub(field))) {
			out = append(out, pair{
				key: k, value: fmt.Sprint(l.content.Sub(field)[k]), pos: l.At(finding.Pointer(field, k)),
				templates: true, matched: field == "commonLabels",
			})
		}
		return out
	}
	for i, v := range l.content.List("labels") {
		set := loose.Of(v)
		for _, k := range slices.Sorted(maps.Keys(set.Sub("pairs"))) {
			out = append(out, pair{
				key: k, value: fmt.Sprint(set.Sub("pairs")[k]), pos: l.At(fmt.Sprintf("/labels/%d", i) + finding.Pointer("pairs", k)),
				templates: set.Flag("includeTemplates") || set.Flag("includeSelectors") || len(set.List("fields")) > 0,
				matched:   set.Flag("includeSelectors") || len(set.List("fields")) > 0,
			})
		}
	}
	return out
}

// inside finds the pair below the metadata: in templates and in selectors.
func (p pair) inside(v any, pointer string, f func(pointer string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			at := pointer + finding.Pointer(k)
			template := p.templates && (k == "labels" || k == "annotations") && strings.HasSuffix(pointer, "/metadata") && pointer != "/metadata"
			matched := p.matched && (k == "matchLabels" || k == "selector" || k == "labels" && pointer != "/metadata")
			if value, ok := loose.Of(v[k])[p.key]; ok && (template || matched) && value == p.value {
				f(at + finding.Pointer(p.key))
				continue
			}
			p.inside(v[k], at, f)
		}
	case []any:
		for i, item := range v {
			p.inside(item, pointer+"/"+itoa(i), f)
		}
	}
}

// scale notes the replica counts that a layer sets.
func scale(l *layer, objects []*declared) {
	for i, v := range l.content.List("replicas") {
		name, pos := loose.Of(v).Text("name"), l.At(fmt.Sprintf("/replicas/%d/count", i))
		for _, o := range objects {
			if o.name == name || o.nowName == name {
				o.edits = append(o.edits, func(final map[string]any) []render.Writer {
					if _, ok := loose.Of(final["spec"])["replicas"]; !ok {
						return nil
					}
					return []render.Writer{{Pointer: "/spec/replicas", What: "replicas", Pos: pos}}
				})
			}
		}
	}
}

// tag notes the images that a layer sets.
func tag(l *layer, objects []*declared) {
	for i, v := range l.content.List("images") {
		image := loose.Of(v)
		want, pointer := or(image.Text("newName"), image.Text("name")), fmt.Sprintf("/images/%d", i)
		for _, field := range []string{"newName", "digest", "newTag"} {
			if image.Text(field) != "" && (field != "newTag" || image.Text("digest") == "") {
				pointer = fmt.Sprintf("/images/%d/%s", i, field)
			}
		}
		pos := l.At(pointer)
		for _, o := range objects {
			o.edits = append(o.edits, func(final map[string]any) []render.Writer {
				var out []render.Writer
				containerImages(final, "", func(pointer, value string) {
					if imageName(value) == want {
						out = append(out, render.Writer{Pointer: pointer, What: "images", Pos: pos})
					}
				})
				return out
			})
		}
	}
}

// containerImages finds the image fields that kustomize looks at.
func containerImages(v any, pointer string, f func(pointer, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list, ok := v[k].([]any)
			if !ok || k != "containers" && k != "initContainers" {
				containerImages(v[k], pointer+finding.Pointer(k), f)
				continue
			}
			for i, c := range list {
				if s, ok := loose.Of(c)["image"].(string); ok {
					f(fmt.Sprintf("%s/%s/%d/image", pointer, k, i), s)
				}
			}
		}
	case []any:
		for i, c := range v {
			containerImages(c, fmt.Sprintf("%s/%d", pointer, i), f)
		}
	}
}

// imageName is an image reference without tag and digest.
func imageName(s string) string {
	s, _, _ = strings.Cut(s, "@")
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		s = s[:i]
	}
	return s
}
