package kustomization

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
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
	hashed      bool   // a generator adds a content hash to the name
	patched     bool   // list elements may stand at other places than in the declaration
	item        string // pointer in a document that is a list
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
		return w.elsewhere(e)
	}
	if f.Origin == nil {
		return nil
	}
	return fromFile(f.Origin)
}

// elsewhere is what an address brings. The entry is the place to edit, as what
// it names is no file of the user's.
func (w *walk) elsewhere(e entry) []*declared {
	if w.remote != nil {
		if name, ok := w.remote(e.text); ok {
			if data, err := os.ReadFile(name); err == nil {
				out := fromFile(repo.FromFiles(map[string]string{"remote.yaml": string(data)}).File("remote.yaml"))
				for _, d := range out {
					d.Doc, d.item, d.Place, d.texts = nil, "", e.pos(), nil
				}
				return out
			}
		}
	}
	w.strays = append(w.strays, e.pos())
	return nil
}

func fromFile(f *repo.File) []*declared {
	var out []*declared
	for _, d := range f.Documents() {
		out = append(out, fromDocument(f, d)...)
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
		o.Place, o.item = d.At(at), at
		o.edits = append(o.edits, func(final map[string]any) []render.Writer {
			content, err := repo.Value(d.Node(at))
			if err != nil {
				return nil
			}
			m := merge{at: func(pointer string) finding.Position { return d.At(at + pointer) }, partly: true}
			m.verbatim(content, "", "")
			return m.named("declaration")
		})
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
	w.replace(l, objects)
}

// unprefixed are the kinds whose names neither prefix nor suffix change.
var unprefixed = []string{"CustomResourceDefinition", "Namespace", "APIService"}

func rename(l *layer, objects []*declared) {
	ns, prefix, suffix := l.content.Text("namespace"), l.content.Text("namePrefix"), l.content.Text("nameSuffix")
	for _, o := range objects {
		if ns != "" {
			o.move(ns, writerName(l, "namespace"), l.At("/namespace"))
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

// move notes that a layer sets the namespace: of an object, of the service
// accounts that a binding names, and the name of a Namespace itself.
func (o *declared) move(ns, what string, pos finding.Position) {
	o.nowSpace = ns
	if o.kind == "Namespace" && o.group == "" {
		o.nowName = ns
	}
	o.edits = append(o.edits, func(final map[string]any) []render.Writer {
		meta := loose.Of(final["metadata"])
		var out []render.Writer
		if o.kind == "Namespace" && o.group == "" {
			out = append(out, render.Writer{Pointer: "/metadata/name", What: what, Pos: pos})
		}
		if meta.Text("namespace") == ns {
			out = append(out, render.Writer{Pointer: "/metadata/namespace", What: what, Pos: pos})
		}
		for i, v := range loose.Fields(final).List("subjects") {
			pointer := fmt.Sprintf("/subjects/%d/namespace", i)
			if loose.Of(v).Text("kind") == "ServiceAccount" && loose.Of(v).Text("namespace") == ns && o.declares(pointer) != ns {
				out = append(out, render.Writer{Pointer: pointer, What: what, Pos: pos})
			}
		}
		return out
	})
}

// declares is the text that the declaring document has at a place.
func (o *declared) declares(pointer string) string {
	if o.Doc == nil {
		return ""
	}
	return o.Doc.Text(pointer)
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
