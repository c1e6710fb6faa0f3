package kustomization

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// fileNames are the names of a kustomization file, the first found wins.
var fileNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// layer is one kustomization file on the way from the root to its bases. It is
// read for places only: what is built is decided by kustomize alone.
type layer struct {
	dir     string
	content loose.Fields
	doc     *repo.Document // nil when the file is generated or its place is unknown
	file    *repo.File
	flux    *render.Object // set for the root: the Flux Kustomization whose spec is merged in
}

// walk reads the layers of a build; a folder that is listed twice is read twice.
type walk struct {
	files map[string]source.File
	flux  *render.Object
	root  *layer
	all   []*layer
	depth int

	names  map[string]*repo.File           // files as positions call them
	remote func(url string) (string, bool) // local copy of a remote file, nil when there are none
	strays []finding.Position              // entries whose objects are not read
}

// maxDepth ends the walk where bases nest deeper than anybody writes them.
const maxDepth = 32

// maxLayers ends the walk of bases that list each other many times over.
const maxLayers = 5000

func (w *walk) load(dir string) *layer {
	if len(w.all) >= maxLayers {
		return nil
	}
	for _, name := range fileNames {
		f, ok := w.files[path.Join(dir, name)]
		if !ok {
			continue
		}
		l := &layer{dir: dir, file: f.Origin}
		l.content, l.doc = parseFile(f)
		w.all = append(w.all, l)
		return l
	}
	return nil
}

func parseFile(f source.File) (loose.Fields, *repo.Document) {
	if f.Origin != nil && path.Base(f.Path) != "Kustomization" {
		for _, d := range f.Origin.Documents() {
			if m, err := d.Map(); err == nil && m != nil {
				return m, d
			}
		}
	}
	var m map[string]any
	if yaml.Unmarshal(f.Data, &m) != nil {
		return nil, nil
	}
	return m, nil
}

// rootLayer is the layer of the planned kustomization file: content as it is
// built, places where they were written.
func (w *walk) rootLayer(dir string, manifest []byte) *layer {
	l := w.load(dir)
	if l == nil {
		l = &layer{dir: dir}
		w.all = append(w.all, l)
	}
	var m map[string]any
	if yaml.Unmarshal(manifest, &m) == nil {
		if l.content["bases"] != nil && m["bases"] == nil {
			m["bases"] = l.content["bases"]
		}
		l.content = m
	}
	l.flux = w.flux
	w.root = l
	return l
}

// At is the place of a field of the kustomization file. Fields that the Flux
// Kustomization brings point there.
func (l *layer) At(pointer string) finding.Position {
	if l.flux != nil {
		if p, ok := l.fluxPointer(pointer); ok {
			return l.flux.At(p)
		}
	}
	switch {
	case l.doc != nil:
		return l.doc.At(pointer)
	case l.file != nil:
		return l.file.Position(0, 0)
	case l.flux != nil:
		p := l.flux.At("/spec/path")
		p.Precision = finding.PrecisionOwner
		return p
	}
	return finding.Position{}
}

// node is the document and the pointer that hold a field.
func (l *layer) node(pointer string) (*repo.Document, string) {
	if l.flux != nil {
		if p, ok := l.fluxPointer(pointer); ok {
			return l.flux.Origin.Doc, p
		}
	}
	return l.doc, pointer
}

// fluxPointer maps a field of the merged file to the spec field it is from.
func (l *layer) fluxPointer(pointer string) (string, bool) {
	t := finding.Tokens(pointer)
	spec := specOf(l.flux)
	if len(t) == 0 {
		return "", false
	}
	switch t[0] {
	case "namespace":
		return "/spec/targetNamespace", spec.Text("targetNamespace") != ""
	case "namePrefix", "nameSuffix":
		return "/spec/" + t[0], spec.Text(t[0]) != ""
	case "patches", "components":
		var i int
		if len(t) < 2 {
			return "", false
		}
		if _, err := fmt.Sscanf(t[1], "%d", &i); err != nil {
			return "", false
		}
		own := len(l.content.List(t[0])) - len(spec.List(t[0]))
		if i < own {
			return "", false
		}
		return finding.Pointer(append([]string{"spec", t[0], fmt.Sprint(i - own)}, t[2:]...)...), true
	case "images":
		return l.fluxImage(t)
	}
	return "", false
}

func (l *layer) fluxImage(t []string) (string, bool) {
	images := l.content.List("images")
	var i int
	if len(t) < 2 {
		return "", false
	}
	if _, err := fmt.Sscanf(t[1], "%d", &i); err != nil || i >= len(images) {
		return "", false
	}
	name := loose.Of(images[i]).Text("name")
	own := slices.IndexFunc(specOf(l.flux).List("images"), func(v any) bool { return loose.Of(v).Text("name") == name })
	return finding.Pointer(append([]string{"spec", "images", itoa(own)}, t[2:]...)...), own >= 0
}

// entries are the paths below a list field with their pointers.
func (l *layer) entries(field string) []entry {
	var out []entry
	for i, v := range l.content.List(field) {
		if s, ok := v.(string); ok {
			out = append(out, entry{text: s, pointer: fmt.Sprintf("/%s/%d", field, i), layer: l})
		}
	}
	return out
}

// entry is one path in a kustomization file.
type entry struct {
	text    string
	pointer string
	layer   *layer
}

func (e entry) target() string { return strings.TrimPrefix(path.Join(e.layer.dir, e.text), "./") }

func (e entry) pos() finding.Position { return e.layer.At(e.pointer) }

// sourceFiles are the entries of a layer's generators, as paths.
func (l *layer) sourceFiles() []entry {
	var out []entry
	for _, field := range []string{"configMapGenerator", "secretGenerator"} {
		for i, g := range l.content.List(field) {
			for _, list := range []string{"files", "envs"} {
				for k, v := range loose.Of(g).List(list) {
					s, _ := v.(string)
					if _, after, ok := strings.Cut(s, "="); ok {
						s = after
					}
					out = append(out, entry{text: s, pointer: fmt.Sprintf("/%s/%d/%s/%d", field, i, list, k), layer: l})
				}
			}
			if s := loose.Of(g).Text("env"); s != "" {
				out = append(out, entry{text: s, pointer: fmt.Sprintf("/%s/%d/env", field, i), layer: l})
			}
		}
	}
	return out
}
