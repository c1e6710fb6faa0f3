package repo

import (
	"fmt"
	"path"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

const (
	syncFile       = "gotk-sync.yaml"
	componentsFile = "gotk-components.yaml"
)

// syncs finds Kustomizations that apply their own file from a source declared
// beside them: those that flux bootstrap wrote, and others.
func (d *discovery) syncs() (bootstrapped, own []Entry) {
	for _, k := range d.graph.applies {
		dir := fluxPath(k)
		if k.Text("/spec/path") == "" || !below(k.File.Path, dir) {
			continue
		}
		ref := sourceRef(k)
		source := d.graph.declared(ref, path.Dir(k.File.Path))
		if source == nil || !below(source.File.Path, dir) || !isRepository(ref.Kind) {
			continue
		}
		e := Entry{Dir: dir, Found: FoundSync, Pos: k.Position(), Source: ref}
		e.Root, _ = k.Ref()
		sourceSeed, ok := declaredSeed(source)
		rootSeed, okRoot := declaredSeed(k)
		if !ok || !okRoot {
			continue
		}
		e.Seeds = []Seed{sourceSeed, rootSeed}
		if path.Base(k.File.Path) == syncFile {
			bootstrapped = append(bootstrapped, e)
		} else {
			own = append(own, e)
		}
	}
	return bootstrapped, own
}

// placeholders finds folders made for flux bootstrap whose gotk-sync.yaml says
// nothing yet, as in templates and examples.
func (d *discovery) placeholders() []Entry {
	var entries []Entry
	for _, dir := range d.tree.sortedFolders() {
		pos, overlay := d.placeholder(dir)
		if overlay == nil {
			continue
		}
		namespace, root := path.Base(dir), path.Dir(dir)
		if dir == "." {
			namespace = fluxNamespace
		}
		text := d.syncText(namespace, root)
		overlay[path.Join(dir, syncFile)] = []byte(text)
		e := Entry{
			Dir: root, Found: FoundSync, Pos: pos, Overlay: overlay,
			Root:   finding.Ref{Group: kustomizationGroup, Kind: "Kustomization", Namespace: namespace, Name: namespace},
			Source: finding.Ref{Group: sourceGroup, Kind: "GitRepository", Namespace: namespace, Name: namespace},
			Assumed: []Assumption{{Pos: pos, Text: fmt.Sprintf(
				"%q has what flux bootstrap writes: %q applies %q from %s", path.Join(dir, syncFile),
				"Kustomization/"+namespace+"/"+namespace, dotted(root), d.tree.gitURL())}},
		}
		for _, doc := range memoryFile(syncFile, []byte(text)).Documents() {
			if seed, ok := declaredSeed(doc); ok {
				e.Seeds = append(e.Seeds, Seed{Object: seed.Object, Pos: pos})
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// placeholder returns where a placeholder stands in the folder and the content
// that bootstrap adds besides gotk-sync.yaml; nil when there is none.
func (d *discovery) placeholder(dir string) (finding.Position, map[string][]byte) {
	if f := d.tree.byPath[path.Join(dir, syncFile)]; f != nil {
		if _, err := f.Data(); err != nil || len(f.Problems()) > 0 {
			return finding.Position{}, nil
		}
		for _, doc := range f.Documents() {
			if doc.Root != nil {
				return finding.Position{}, nil
			}
		}
		return filePosition(f), map[string][]byte{}
	}
	k := d.graph.kustomization(dir)
	if k == nil {
		return finding.Position{}, nil
	}
	overlay, listed := map[string][]byte{}, false
	for _, name := range k.texts("/resources") {
		listed = listed || path.Clean(name) == syncFile
		if path.Clean(name) == componentsFile && d.tree.byPath[path.Join(dir, componentsFile)] == nil {
			overlay[path.Join(dir, componentsFile)] = []byte("# made by flux bootstrap\n")
		}
	}
	if !listed {
		return finding.Position{}, nil
	}
	return k.At("/resources"), overlay
}

// syncText is gotk-sync.yaml as flux bootstrap writes it.
func (d *discovery) syncText(name, dir string) string {
	return fmt.Sprintf(`apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: %[1]s
  namespace: %[1]s
spec:
  interval: 1m0s
  ref:
    branch: %[2]q
  url: %[3]q
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: %[1]s
  namespace: %[1]s
spec:
  interval: 10m0s
  path: %[4]q
  prune: true
  sourceRef:
    kind: GitRepository
    name: %[1]s
`, name, d.tree.branchOrMain(), d.tree.gitURL(), dotted(dir))
}
