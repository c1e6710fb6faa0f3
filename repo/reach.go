package repo

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// graph answers what applying a folder brings: it follows kustomization.yaml
// files and the paths of Flux Kustomizations. It renders nothing.
type graph struct {
	tree    *Tree
	flux    map[string][]*Document // documents of Flux by file
	patches map[string]bool        // files that some kustomization.yaml takes as patches
	applies []*Document            // Flux Kustomizations that are no patches, by place
}

// FluxDocuments returns the documents of the YAML files that mention Flux, by
// path and place in the file.
func (t *Tree) FluxDocuments() []*Document {
	var candidates []*File
	for _, f := range t.files {
		if f.isYAML() && !f.isJSON() && mentionsFlux(f) {
			candidates = append(candidates, f)
		}
	}
	t.parse(candidates)
	var out []*Document
	for _, f := range candidates {
		for _, d := range f.Documents() {
			if d.Root != nil && d.Root.Kind == yaml.MappingNode {
				out = append(out, d)
			}
		}
	}
	return out
}

func newGraph(t *Tree) *graph {
	g := &graph{tree: t, flux: map[string][]*Document{}, patches: map[string]bool{}}
	for _, d := range t.FluxDocuments() {
		g.flux[d.File.Path] = append(g.flux[d.File.Path], d)
	}
	for _, dir := range t.sortedFolders() {
		if k := g.kustomization(dir); k != nil {
			for _, name := range patchFiles(k) {
				g.patches[path.Join(dir, name)] = true
			}
		}
	}
	g.applies = g.documents(func(d *Document) bool {
		return isFlux(d, kustomizationGroup, "Kustomization") &&
			d.Text("/spec/sourceRef/name") != "" && !g.patches[d.File.Path]
	})
	return g
}

// mentionsFlux keeps files from being parsed that cannot matter to entries.
func mentionsFlux(f *File) bool {
	if n, err := f.size(); err != nil || n > maxYAML {
		return false
	}
	data, err := f.Data()
	if err != nil {
		return false
	}
	return bytes.Contains(data, []byte("fluxcd.")) ||
		bytes.Contains(data, []byte("instance:")) && bytes.Contains(data, []byte("sync:"))
}

func (t *Tree) sortedFolders() []string {
	dirs := make([]string, 0, len(t.folders))
	for dir := range t.folders {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// kustomization returns the document of the kustomization file of a folder.
func (g *graph) kustomization(dir string) *Document {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		f := g.tree.byPath[path.Join(dir, name)]
		if f == nil {
			continue
		}
		if name == "Kustomization" {
			f = g.tree.renamed(f)
		}
		for _, d := range f.Documents() {
			if d.Root != nil {
				return d
			}
		}
	}
	return nil
}

// renamed makes the file without an extension readable as YAML.
func (t *Tree) renamed(f *File) *File {
	data, err := f.Data()
	if err != nil {
		return f
	}
	named := memoryFile(f.Path+".yaml", data)
	named.display = f.display
	return named
}

// texts returns the scalars of a list.
func (d *Document) texts(pointer string) []string {
	n := d.Node(pointer)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	var all []string
	for _, item := range n.Content {
		if item = resolve(item); item.Kind == yaml.ScalarNode {
			all = append(all, item.Value)
		}
	}
	return all
}

func patchFiles(k *Document) []string {
	names := k.texts("/patchesStrategicMerge")
	for _, field := range []string{"/patches", "/patchesJson6902"} {
		if n := k.Node(field); n != nil && n.Kind == yaml.SequenceNode {
			for _, item := range n.Content {
				if _, v := child(resolve(item), "path"); v != nil {
					names = append(names, resolve(v).Value)
				}
			}
		}
	}
	return names
}

// reach is the set of files that applying something brings.
type reach struct {
	graph *graph
	files map[string]bool
	dirs  map[string]bool
}

func (g *graph) reach() reach {
	return reach{graph: g, files: map[string]bool{}, dirs: map[string]bool{}}
}

// folder adds what a folder builds: what its kustomization file lists, or every
// manifest below it, as Flux generates one.
func (r reach) folder(dir string) {
	dir = path.Clean(dir)
	if r.dirs[dir] || strings.HasPrefix(dir, "..") {
		return
	}
	r.dirs[dir] = true
	if k := r.graph.kustomization(dir); k != nil {
		for _, field := range []string{"/resources", "/bases", "/components"} {
			for _, name := range k.texts(field) {
				r.path(path.Join(dir, name))
			}
		}
		return
	}
	for _, f := range r.graph.tree.folders[dir] {
		if f.isYAML() && !f.isJSON() {
			r.files[f.Path] = true
		}
	}
	for _, sub := range r.graph.tree.children[dir] {
		r.folder(sub)
	}
}

func (r reach) path(name string) {
	switch t := r.graph.tree; {
	case t.byPath[name] != nil:
		r.files[name] = true
	case t.IsFolder(name):
		r.folder(name)
	}
}

// closure adds what the Flux Kustomizations of a source bring that are reached
// so far, and so on.
func (r reach) closure(source finding.Ref) {
	followed := map[*Document]bool{}
	for again := true; again; {
		again = false
		for _, d := range r.kustomizations() {
			ref := sourceRef(d)
			same := ref.Kind == source.Kind && ref.Name == source.Name && (ref.Namespace == "" || ref.Namespace == source.Namespace)
			if same && !followed[d] {
				followed[d], again = true, true
				r.applied(d)
			}
		}
	}
}

// applied adds what one Flux Kustomization applies from this repository.
func (r reach) applied(d *Document) {
	if !r.graph.local(d) {
		return
	}
	r.folder(fluxPath(d))
	for _, component := range d.texts("/spec/components") {
		r.folder(path.Join(fluxPath(d), component))
	}
}

// local reports whether a Flux Kustomization seems to apply a folder of this
// repository. Every repository has a root, so the path "./" alone is no sign.
func (g *graph) local(d *Document) bool {
	dir := fluxPath(d)
	if d.Text("/spec/path") == "" || !g.tree.IsFolder(dir) || !isRepository(d.Text("/spec/sourceRef/kind")) {
		return false
	}
	if dir != "." {
		return true
	}
	source := g.declared(sourceRef(d), path.Dir(d.File.Path))
	if source == nil {
		return true
	}
	want := sameURL(source.Text("/spec/url"))
	return slices.ContainsFunc(g.tree.origin.remotes, func(r string) bool { return sameURL(r) == want })
}

// kustomizations returns the Flux Kustomizations in the reached files, by place.
func (r reach) kustomizations() []*Document {
	var all []*Document
	for _, d := range r.graph.applies {
		if r.files[d.File.Path] {
			all = append(all, d)
		}
	}
	return all
}

// documents returns the documents of Flux that satisfy a condition, by place.
func (g *graph) documents(want func(*Document) bool) []*Document {
	var all []*Document
	for _, f := range g.tree.files {
		for _, d := range g.flux[f.Path] {
			if want(d) {
				all = append(all, d)
			}
		}
	}
	return all
}

func isFlux(d *Document, group, kind string) bool {
	ref, ok := d.Ref()
	return ok && ref.Group == group && ref.Kind == kind
}

// fluxPath is spec.path of a Flux Kustomization as a folder of the tree.
func fluxPath(d *Document) string { return folderOf(d.Text("/spec/path")) }

// folderOf reads a path as Flux does: relative to the root, which it cannot leave.
func folderOf(name string) string {
	return path.Clean(strings.TrimPrefix(path.Join("/", name), "/"))
}
