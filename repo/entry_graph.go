package repo

import (
	"fmt"
	"path"
	"slices"
)

// roots finds Kustomizations that no other one applies. Those of one folder
// make one cluster. A Kustomization that nothing here connects to a cluster, for
// its source is made elsewhere and it leads to no other one, is no root.
func (d *discovery) roots() []Entry {
	all := d.graph.applies
	applied := make([]reach, len(all))
	for i, k := range all {
		applied[i] = d.graph.reach()
		applied[i].applied(k)
	}
	folders := map[string][]*Document{}
	for i, k := range all {
		contained := false
		for j := range all {
			contained = contained || i != j && applied[j].files[k.File.Path] && !applied[i].files[all[j].File.Path]
		}
		if !contained && d.isRoot(k, applied[i]) {
			folders[path.Dir(k.File.Path)] = append(folders[path.Dir(k.File.Path)], k)
		}
	}
	var entries []Entry
	for _, dir := range d.tree.sortedFolders() {
		if e, ok := d.root(dir, folders[dir]); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

func (d *discovery) isRoot(k *Document, applied reach) bool {
	if !d.graph.local(k) {
		return false
	}
	ref := sourceRef(k)
	leads := slices.ContainsFunc(applied.kustomizations(), func(o *Document) bool { return o != k })
	return applied.files[k.File.Path] || leads || d.graph.declared(ref, ".") != nil
}

// root makes one cluster of the root Kustomizations in a folder.
func (d *discovery) root(dir string, roots []*Document) (Entry, bool) {
	if len(roots) == 0 {
		return Entry{}, false
	}
	first := roots[0]
	e := Entry{Name: clusterFolder(dir), Dir: fluxPath(first), Found: FoundGraph, Pos: first.Position(), Source: sourceRef(first)}
	e.Root, _ = first.Ref()
	if below(first.File.Path, e.Dir) {
		e.Name = e.Dir
	}
	seen := map[string]bool{}
	for _, k := range roots {
		if ref := sourceRef(k); !seen[ref.String()] {
			seen[ref.String()] = true
			seed, assumed := d.sourceSeed(ref, dir, k.At("/spec/sourceRef/name"))
			e.Seeds, e.Assumed = append(e.Seeds, seed), append(e.Assumed, assumed...)
		}
	}
	for _, k := range roots {
		if seed, ok := declaredSeed(k); ok {
			e.Seeds = append(e.Seeds, seed)
			ref, _ := k.Ref()
			e.Assumed = append(e.Assumed, Assumption{Pos: k.Position(), Text: fmt.Sprintf(
				"%s is applied by hand: nothing in the repository applies it", ref)})
		}
	}
	return e, true
}

// clusterFolder leaves out the part of a folder that is named after Flux.
func clusterFolder(dir string) string {
	for slices.Contains([]string{fluxNamespace, "flux", "bootstrap", "config"}, path.Base(dir)) && path.Dir(dir) != "." {
		dir = path.Dir(dir)
	}
	return dir
}
