package kustomization

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// declared is one object as a file or a generator declares it, with the name
// that the layers so far give it and what they write into it.
type declared struct {
	story
	group, kind string
	name        string // as declared
	namespace   string // as declared
	nowName     string
	nowSpace    string
	hashed      bool // a generator adds a content hash to the name
	labels      map[string]string
	annotations map[string]string
	edits       []edit
}

// edit computes the writers of one transformation once the object is known.
type edit func(final map[string]any) []render.Writer

// resources are the objects of a layer, in the order of kustomize.
func (w *walk) resources(l *layer) []*declared {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxDepth {
		return nil
	}
	var out []*declared
	for _, field := range []string{"resources", "bases"} {
		for _, e := range l.entries(field) {
			out = append(out, w.entry(e)...)
		}
	}
	out = w.generated(l, out)
	for _, e := range l.entries("components") {
		if c := w.load(e.target()); c != nil {
			out = w.component(c, out)
		}
	}
	w.transform(l, out)
	return out
}

// component works on the objects of the layer that lists it.
func (w *walk) component(l *layer, objects []*declared) []*declared {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxDepth {
		return objects
	}
	for _, e := range l.entries("resources") {
		objects = append(objects, w.entry(e)...)
	}
	objects = w.generated(l, objects)
	for _, e := range l.entries("components") {
		if c := w.load(e.target()); c != nil {
			objects = w.component(c, objects)
		}
	}
	w.transform(l, objects)
	return objects
}

// entry is what one entry of resources brings: the documents of a file, or
// another layer.
func (w *walk) entry(e entry) []*declared {
	f, ok := w.files[e.target()]
	if !ok {
		if l := w.load(e.target()); l != nil {
			return w.resources(l)
		}
		return nil
	}
	if f.Origin == nil {
		return nil
	}
	var out []*declared
	for _, d := range f.Origin.Documents() {
		out = append(out, fromDocument(f.Origin, d)...)
	}
	return out
}

func fromDocument(f *repo.File, d *repo.Document) []*declared {
	if d.Root == nil {
		return nil
	}
	if strings.HasSuffix(d.Text("/kind"), "List") {
		if items := d.Node("/items"); items != nil {
			return fromList(f, d, len(items.Content))
		}
	}
	ref, _ := d.Ref()
	return []*declared{newDeclared(f, d, "", ref)}
}

func fromList(f *repo.File, d *repo.Document, n int) []*declared {
	var out []*declared
	for i := range n {
		at := fmt.Sprintf("/items/%d", i)
		ref := finding.Ref{
			Group: groupOf(d.Text(at + "/apiVersion")), Kind: d.Text(at + "/kind"),
			Namespace: d.Text(at + "/metadata/namespace"), Name: d.Text(at + "/metadata/name"),
		}
		out = append(out, newDeclared(f, d, at, ref))
	}
	return out
}

func newDeclared(f *repo.File, d *repo.Document, at string, ref finding.Ref) *declared {
	o := &declared{
		group: ref.Group, kind: ref.Kind, name: ref.Name, namespace: ref.Namespace, nowName: ref.Name, nowSpace: ref.Namespace,
		labels: textsAt(d, at+"/metadata/labels"), annotations: textsAt(d, at+"/metadata/annotations"),
	}
	o.texts = []text{{file: f, node: d.Node(at), doc: d}}
	if at == "" {
		o.Doc = d
	} else {
		o.Place = d.At(at)
	}
	return o
}

func textsAt(d *repo.Document, pointer string) map[string]string {
	out := map[string]string{}
	n := d.Node(pointer)
	if n == nil {
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1].Value
	}
	return out
}

func groupOf(apiVersion string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return group
}

// generated adds the ConfigMaps and Secrets of generators. One that merges into
// or replaces an object becomes a writer of it.
func (w *walk) generated(l *layer, objects []*declared) []*declared {
	for _, of := range []struct{ field, kind string }{{"configMapGenerator", "ConfigMap"}, {"secretGenerator", "Secret"}} {
		for i, v := range l.content.list(of.field) {
			g := object(v)
			pointer := fmt.Sprintf("/%s/%d", of.field, i)
			o := &declared{kind: of.kind, name: g.text("name"), nowName: g.text("name"), namespace: g.text("namespace"), nowSpace: g.text("namespace")}
			o.Place, o.hashed = l.At(pointer), hashes(l.content.sub("generatorOptions"), g.sub("options"))
			o.texts = w.generatorTexts(l, pointer)
			if b := g.text("behavior"); b == "merge" || b == "replace" {
				mergeGenerated(objects, o)
				continue
			}
			objects = append(objects, o)
		}
	}
	return objects
}

func mergeGenerated(objects []*declared, o *declared) {
	for _, t := range objects {
		if t.kind == o.kind && t.group == "" && (t.name == o.name || t.nowName == o.name) {
			place := o.Place
			t.texts = append(t.texts, o.texts...)
			t.edits = append(t.edits, func(map[string]any) []render.Writer {
				return []render.Writer{{Pointer: "/data", What: "generator", Pos: place}}
			})
		}
	}
}

func hashes(all, one fields) bool {
	if v, ok := one["disableNameSuffixHash"].(bool); ok && v {
		return false
	}
	return !all.flag("disableNameSuffixHash")
}

func (w *walk) generatorTexts(l *layer, pointer string) []text {
	var out []text
	if l.doc != nil && l.flux == nil || l.doc != nil && l.doc.Node(pointer) != nil {
		out = append(out, text{file: l.file, node: l.doc.Node(pointer), doc: l.doc})
	}
	for _, e := range l.sourceFiles() {
		if !strings.HasPrefix(e.pointer, pointer+"/") {
			continue
		}
		if f, ok := w.files[e.target()]; ok && f.Origin != nil {
			out = append(out, text{file: f.Origin})
		}
	}
	return out
}

// transform applies the layer's transformations in the order of kustomize.
func (w *walk) transform(l *layer, objects []*declared) {
	w.patch(l, objects)
	rename(l, objects)
	for _, field := range []string{"labels", "commonLabels", "commonAnnotations"} {
		decorate(l, field, objects)
	}
	w.patchLast(l, objects)
	scale(l, objects)
	tag(l, objects)
}

// unprefixed are the kinds whose names neither prefix nor suffix change.
var unprefixed = []string{"CustomResourceDefinition", "Namespace", "APIService"}

func rename(l *layer, objects []*declared) {
	ns, prefix, suffix := l.content.text("namespace"), l.content.text("namePrefix"), l.content.text("nameSuffix")
	for _, o := range objects {
		if ns != "" {
			o.nowSpace = ns
			if o.kind == "Namespace" && o.group == "" {
				o.nowName = ns
			}
			o.write("/metadata/namespace", writerName(l, "namespace"), l.At("/namespace"))
		}
		if slices.Contains(unprefixed, o.kind) {
			continue
		}
		o.nowName = prefix + o.nowName + suffix
		if prefix != "" {
			o.write("/metadata/name", "namePrefix", l.At("/namePrefix"))
		}
		if suffix != "" {
			o.write("/metadata/name", "nameSuffix", l.At("/nameSuffix"))
		}
	}
}

func writerName(l *layer, what string) string {
	if _, ok := l.fluxPointerOf("namespace"); ok {
		return "targetNamespace"
	}
	return what
}

func (l *layer) fluxPointerOf(field string) (string, bool) {
	if l.flux == nil {
		return "", false
	}
	return l.fluxPointer("/" + field)
}

func (o *declared) write(pointer, what string, pos finding.Position) {
	o.edits = append(o.edits, func(final map[string]any) []render.Writer {
		return []render.Writer{{Pointer: pointer, What: what, Pos: pos}}
	})
}

func itoa(i int) string { return fmt.Sprint(i) }

func clean(p string) string { return strings.TrimPrefix(path.Clean(p), "./") }
