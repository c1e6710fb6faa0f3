package kustomization

import (
	"fmt"
	"path"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// entryPlace finds the entry of a kustomization file that a failure is about.
func (j *job) entryPlace(f *kustomize.Failure) finding.Position {
	if j.plan == nil {
		return finding.Position{}
	}
	w, objects := j.layers()
	if f.Reason == "duplicate-object" {
		if same := declarations(objects, f.Object); len(same) > 0 {
			return same[len(same)-1].nameAt()
		}
	}
	for _, l := range w.all {
		if pos := l.unknownField(f); !pos.IsZero() {
			return pos
		}
	}
	for _, l := range w.all {
		if pos := l.placeOf(f); !pos.IsZero() {
			return pos
		}
	}
	if f.Reason == "patch-no-match" {
		if pos := w.patchPlace(nameOf(f.Object)); !pos.IsZero() {
			return pos
		}
	}
	if pos := w.operationPlace(f); !pos.IsZero() {
		return pos
	}
	for _, l := range w.all {
		if f.File != "" && (path.Clean(f.File) == l.dir || path.Dir(f.File) == l.dir && strings.Contains(f.File, ".y")) {
			return l.At("")
		}
	}
	return w.root.At("")
}

// unknownField is the place of the field that kustomize does not know, zero
// when this layer does not have it.
func (l *layer) unknownField(f *kustomize.Failure) finding.Position {
	here := f.File == "" || path.Clean(f.File) == l.dir || l.file != nil && f.File == l.file.Path
	if f.Reason == "kustomization-unknown-field" && here && l.doc != nil && l.doc.Node("/"+f.Field) != nil {
		return l.doc.KeyAt("/" + f.Field)
	}
	return finding.Position{}
}

// placeOf is the place of the failure in this layer, zero when it is not there.
func (l *layer) placeOf(f *kustomize.Failure) finding.Position {
	for _, e := range l.paths() {
		switch {
		case f.Path != "" && clean(f.Path) == clean(e.target()):
			return e.pos()
		case f.Path == "" && f.Entry != "" && f.Entry == e.text:
			return e.pos()
		}
	}
	return finding.Position{}
}

// paths are all entries of a layer that name a file, folder or address.
func (l *layer) paths() []entry {
	var out []entry
	for _, field := range []string{"resources", "bases", "components", "crds", "configurations", "generators",
		"transformers", "validators", "patchesStrategicMerge"} {
		out = append(out, l.entries(field)...)
	}
	for _, field := range []string{"patches", "patchesJson6902", "replacements"} {
		for i, v := range l.content.List(field) {
			if s := loose.Of(v).Text("path"); s != "" {
				out = append(out, entry{text: s, pointer: fmt.Sprintf("/%s/%d/path", field, i), layer: l})
			}
		}
	}
	return append(out, l.sourceFiles()...)
}

// nameOf reads kustomize's name of an object: Kind.version.group/name.namespace.
func nameOf(id string) (kind, name string) {
	gvk, rest, _ := strings.Cut(id, "/")
	kind, _, _ = strings.Cut(gvk, ".")
	if i := strings.LastIndexByte(rest, '.'); i > 0 {
		rest = rest[:i]
	}
	return kind, rest
}

// declarations are those that end under the name that kustomize says.
func declarations(objects []*declared, id string) []*declared {
	kind, name := nameOf(id)
	var out []*declared
	for _, d := range objects {
		if d.kind == kind && (d.nowName == name || d.name == name) {
			out = append(out, d)
		}
	}
	return out
}

func (d *declared) nameAt() finding.Position {
	if d.Doc != nil {
		return d.Doc.At("/metadata/name")
	}
	return d.Place
}

// patchPlace finds the patch without target that names an object.
func (w *walk) patchPlace(kind, name string) finding.Position {
	for _, l := range w.all {
		for i, v := range l.content.List("patches") {
			docs := w.patchFile(l, loose.Of(v).Text("path"))
			if text := loose.Of(v).Text("patch"); text != "" {
				docs = w.inline(l, fmt.Sprintf("/patches/%d/patch", i), text)
			}
			for _, d := range docs {
				p := loose.Of(d.value)
				if p.Text("kind") == kind && p.Sub("metadata").Text("name") == name {
					return d.at("/metadata/name")
				}
			}
		}
		for _, e := range l.entries("patchesStrategicMerge") {
			for _, d := range w.patchFile(l, e.text) {
				if loose.Of(d.value).Text("kind") == kind && loose.Of(d.value).Sub("metadata").Text("name") == name {
					return d.at("/metadata/name")
				}
			}
		}
	}
	return finding.Position{}
}

// operationPlace is the place of the JSON patch operation on the path that a
// failure names.
func (w *walk) operationPlace(f *kustomize.Failure) finding.Position {
	if f.Field == "" || f.Reason != "patch-path-missing" && f.Reason != "patch-test-failed" {
		return finding.Position{}
	}
	for _, l := range w.all {
		for i, v := range l.content.List("patches") {
			docs := w.patchFile(l, loose.Of(v).Text("path"))
			if text := loose.Of(v).Text("patch"); text != "" {
				docs = w.inline(l, fmt.Sprintf("/patches/%d/patch", i), text)
			}
			for _, d := range docs {
				operations, _ := d.value.([]any)
				for k, op := range operations {
					if loose.Of(op).Text("path") == f.Field {
						return d.at(fmt.Sprintf("/%d/path", k))
					}
				}
			}
		}
	}
	return finding.Position{}
}

// componentEntry is the place of a component path in the Flux Kustomization.
func (j *job) componentEntry(text string) finding.Position {
	for i, v := range j.spec.List("components") {
		if s, _ := v.(string); s == text {
			return j.in.Object.At(fmt.Sprintf("/spec/components/%d", i))
		}
	}
	return j.in.Object.At("/spec/components")
}
