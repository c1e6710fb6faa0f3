package repo

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// clusterNames are the names that people give to the folder of a cluster.
var clusterNames = []string{
	"clusters/*", "cluster*", "management-clusters/*", "kubernetes/*/flux*", "kubernetes/flux*",
	"environments/*", "envs/*", "*/clusters/*", "*/environments/*",
}

// directories finds folders named like clusters that have a kustomization.yaml
// of their own and bring objects of Flux.
func (d *discovery) directories() []Entry {
	var entries []Entry
	for _, dir := range d.tree.sortedFolders() {
		named := slices.ContainsFunc(clusterNames, func(pattern string) bool {
			ok, err := path.Match(pattern, dir)
			return ok && err == nil
		})
		if named && d.graph.kustomization(dir) != nil && d.bringsFlux(dir) {
			entries = append(entries, d.virtual(dir, FoundDirectory))
		}
	}
	return entries
}

func (d *discovery) bringsFlux(dir string) bool {
	r := d.graph.reach()
	r.folder(dir)
	for name := range r.files {
		for _, doc := range d.graph.flux[name] {
			if ref, ok := doc.Ref(); ok && strings.HasSuffix(ref.Group, ".toolkit.fluxcd.io") {
				return true
			}
		}
	}
	return false
}

// explicit makes clusters of the folders that the user names: what is a cluster
// already stays it, a folder with Flux Kustomizations is one, and folders
// without any make one cluster together, as Kustomizations beside each other.
func (d *discovery) explicit(known []Entry, folders []string) ([]Entry, error) {
	var entries []Entry
	var content []string
	for _, folder := range folders {
		dir := path.Clean(folder)
		if path.IsAbs(dir) || below(dir, "..") || !d.tree.IsFolder(dir) {
			return nil, &NoFolderError{Folder: folder}
		}
		found := false
		for _, e := range known {
			// A root that stands elsewhere applies more than the folder asked for.
			if below(e.Dir, dir) && (e.Found != FoundGraph || below(e.Pos.File, dir)) ||
				e.Found == FoundSync && path.Dir(e.Pos.File) == dir {
				entries, found = append(entries, e), true
			}
		}
		if found {
			continue
		}
		for _, leaf := range d.clusterFolders(dir) {
			if d.hasKustomizations(leaf) {
				entries = append(entries, d.virtual(leaf, FoundExplicit))
			} else if !slices.Contains(content, leaf) {
				content = append(content, leaf)
			}
		}
	}
	if len(content) > 0 {
		entries = append(entries, d.content(content))
	}
	return distinct(entries), nil
}

// NoFolderError says that a folder which the user names does not exist.
type NoFolderError struct{ Folder string }

// Error names the folder.
func (e *NoFolderError) Error() string {
	return fmt.Sprintf("the repository has no folder %q; name a folder relative to the root of the repository", e.Folder)
}

// clusterFolders splits a folder that has nothing of its own, such as clusters/,
// into those of its folders that hold Flux Kustomizations.
func (d *discovery) clusterFolders(dir string) []string {
	if slices.ContainsFunc(d.tree.folders[dir], (*File).isYAML) {
		return []string{dir}
	}
	var leaves []string
	for _, sub := range d.tree.children[dir] {
		holds := slices.ContainsFunc(d.graph.applies, func(k *Document) bool { return below(k.File.Path, sub) })
		if holds {
			leaves = append(leaves, d.clusterFolders(sub)...)
		}
	}
	if len(leaves) == 0 {
		return []string{dir}
	}
	return leaves
}

func (d *discovery) hasKustomizations(dir string) bool {
	r := d.graph.reach()
	r.folder(dir)
	return len(r.kustomizations()) > 0
}

// EntryAt returns the cluster that flux bootstrap with this path makes, whatever
// the tree says: GitRepository and Kustomization flux-system/flux-system, the
// latter applying dir. A folder that does not exist is a *NoFolderError.
func (t *Tree) EntryAt(dir string) (Entry, error) {
	clean := path.Clean(dir)
	if path.IsAbs(clean) || below(clean, "..") || !t.IsFolder(clean) {
		return Entry{}, &NoFolderError{Folder: dir}
	}
	d := discovery{graph: newGraph(t), tree: t}
	entries := []Entry{d.applying(clean, FoundExplicit, bootstrapSource())}
	nameEntries(entries)
	return entries[0], nil
}

func bootstrapSource() finding.Ref {
	return finding.Ref{Group: sourceGroup, Kind: "GitRepository", Namespace: fluxNamespace, Name: fluxNamespace}
}

// virtual is a cluster whose root Kustomization applies dir and is declared nowhere.
func (d *discovery) virtual(dir, found string) Entry {
	return d.applying(dir, found, d.usualSource(dir))
}

func (d *discovery) applying(dir, found string, source finding.Ref) Entry {
	pos := d.folderPosition(dir)
	root := finding.Ref{Group: kustomizationGroup, Kind: "Kustomization", Namespace: source.Namespace, Name: source.Name}
	seed, assumed := d.sourceSeed(source, dir, pos)
	return Entry{
		Dir: dir, Found: found, Pos: pos, Root: root, Source: source,
		Seeds: []Seed{seed, virtualSeed(root, kustomizationSpec(dir, source), pos)},
		Assumed: append(assumed, Assumption{Pos: pos, Text: fmt.Sprintf(
			"%s applies %q: nothing in the repository declares it", root, dotted(dir))}),
	}
}

// content is a cluster of folders that are applied beside each other.
func (d *discovery) content(dirs []string) Entry {
	e := d.virtual(dirs[0], FoundExplicit)
	if len(dirs) == 1 {
		return e
	}
	e.Seeds, e.Assumed = e.Seeds[:1], slices.DeleteFunc(e.Assumed, func(a Assumption) bool {
		return strings.HasPrefix(a.Text, e.Root.String()+" ")
	})
	var names []string
	for _, dir := range dirs {
		names = append(names, path.Base(dir))
	}
	e.Name = strings.Join(names, "+")
	for i, dir := range dirs {
		ref, pos := e.Root, d.folderPosition(dir)
		if ref.Name = objectName(dir); i == 0 {
			e.Root = ref
		}
		e.Seeds = append(e.Seeds, virtualSeed(ref, kustomizationSpec(dir, e.Source), pos))
		e.Assumed = append(e.Assumed, Assumption{Pos: pos, Text: fmt.Sprintf(
			"%s applies %q: nothing in the repository declares it", ref, dotted(dir))})
	}
	return e
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// objectName makes the name of an object out of a folder.
func objectName(dir string) string {
	if name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(dir), "-"), "-"); name != "" {
		return name
	}
	return fluxNamespace
}

// usualSource is the source that most Flux Kustomizations of a folder take
// content of this repository from; flux-system when there are none.
func (d *discovery) usualSource(dir string) finding.Ref {
	r := d.graph.reach()
	r.folder(dir)
	count := map[finding.Ref]int{}
	for _, k := range r.kustomizations() {
		if ref := sourceRef(k); ref.Namespace != "" && d.graph.local(k) {
			count[ref]++
		}
	}
	best := bootstrapSource()
	for ref, n := range count {
		if cmp.Or(cmp.Compare(n, count[best]), best.Compare(ref)) > 0 {
			best = ref
		}
	}
	return best
}

// folderPosition is the file that stands for a folder.
func (d *discovery) folderPosition(dir string) finding.Position {
	if k := d.graph.kustomization(dir); k != nil {
		return filePosition(k.File)
	}
	for _, f := range slices.Concat(d.tree.folders[dir], d.tree.files) {
		if below(f.Path, dir) && f.isYAML() {
			return filePosition(f)
		}
	}
	return finding.Position{File: dir, Precision: finding.PrecisionFile}
}
