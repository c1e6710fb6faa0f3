package kustomization

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// decorate notes the labels and annotations that a layer adds.
func decorate(l *layer, field string, objects []*declared) {
	where := "labels"
	if field == "commonAnnotations" {
		where = "annotations"
	}
	type pair struct{ key, pointer string }
	var pairs []pair
	if field == "labels" {
		for i, v := range l.content.list("labels") {
			for _, k := range slices.Sorted(maps.Keys(object(v).sub("pairs"))) {
				pairs = append(pairs, pair{k, fmt.Sprintf("/labels/%d", i) + finding.Pointer("pairs", k)})
			}
		}
	} else {
		for _, k := range slices.Sorted(maps.Keys(l.content.sub(field))) {
			pairs = append(pairs, pair{k, finding.Pointer(field, k)})
		}
	}
	for _, p := range pairs {
		pos := l.At(p.pointer)
		for _, o := range objects {
			o.write(finding.Pointer("metadata", where, p.key), "label", pos)
		}
	}
}

// scale notes the replica counts that a layer sets.
func scale(l *layer, objects []*declared) {
	for i, v := range l.content.list("replicas") {
		name, pos := object(v).text("name"), l.At(fmt.Sprintf("/replicas/%d/count", i))
		for _, o := range objects {
			if o.name == name || o.nowName == name {
				o.edits = append(o.edits, func(final map[string]any) []render.Writer {
					if _, ok := object(final["spec"])["replicas"]; !ok {
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
	for i, v := range l.content.list("images") {
		image := object(v)
		want, pos := or(image.text("newName"), image.text("name")), l.At(fmt.Sprintf("/images/%d", i))
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
				if s, ok := object(c)["image"].(string); ok {
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
