package repo

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// How an Entry was found.
const (
	FoundSync      = "gotk-sync"     // flux bootstrap, or a root Kustomization that applies itself
	FoundInstance  = "flux-instance" // spec.sync of a FluxInstance
	FoundGraph     = "graph-root"    // a Kustomization that no other one applies
	FoundDirectory = "directory"     // a folder with the name of a cluster
	FoundExplicit  = "explicit"      // a folder that the user names
)

// EntryOptions say which clusters are wanted.
type EntryOptions struct {
	Explicit []string // folders of the tree; none: look for clusters
	Cluster  string   // the name of the only cluster wanted, "" for all
}

// Entries returns the clusters that the repository describes, sorted by name.
// Without any it is a *NoEntryError.
//
// A cluster is told from another by its folder. Its name is the last element
// of that folder ("staging" for clusters/staging), the whole folder where two
// clusters would share a name, and the name of the root Kustomization for the
// root of the repository. Files elsewhere never change a name unless they add a
// cluster of the same name; MatchEntries pairs the clusters of two revisions.
func (t *Tree) Entries(o EntryOptions) ([]Entry, error) {
	d := discovery{graph: newGraph(t), tree: t}
	entries := d.automatic()
	if len(o.Explicit) > 0 {
		var err error
		if entries, err = d.explicit(entries, o.Explicit); err != nil {
			return nil, err
		}
	}
	if len(entries) == 0 {
		return nil, d.nothing()
	}
	nameEntries(entries)
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	if o.Cluster == "" {
		return entries, nil
	}
	for _, e := range entries {
		if e.Name == o.Cluster || e.Dir == path.Clean(o.Cluster) {
			return []Entry{e}, nil
		}
	}
	return nil, &NoClusterError{Cluster: o.Cluster, Known: entryNames(entries)}
}

// discovery looks for clusters in one tree.
type discovery struct {
	graph *graph
	tree  *Tree
	near  []finding.Related // what almost was an entry
}

// automatic tries the ways to find clusters from the surest to the weakest:
// what Flux itself installs may stand side by side, a guess only alone.
func (d *discovery) automatic() []Entry {
	bootstrapped, own := d.syncs()
	entries := slices.Concat(d.placeholders(), bootstrapped, d.instances(), own)
	entries = d.outermost(distinct(entries))
	if len(entries) == 0 {
		entries = d.roots()
	}
	if len(entries) == 0 {
		entries = d.directories()
	}
	return entries
}

// distinct keeps the first entry of each folder.
func distinct(entries []Entry) []Entry {
	seen := map[string]bool{}
	return slices.DeleteFunc(entries, func(e Entry) bool {
		known := seen[e.Dir]
		seen[e.Dir] = true
		return known
	})
}

// outermost drops an entry that another cluster applies: a tenant that brings
// its own source, for instance. The surest come first and win.
func (d *discovery) outermost(entries []Entry) []Entry {
	var kept []Entry
	var applied []reach
	for _, e := range entries {
		inside := e.Found != FoundInstance && slices.ContainsFunc(applied, func(r reach) bool {
			return r.files[e.Pos.File]
		})
		if inside {
			continue
		}
		r := d.graph.reach()
		r.folder(e.Dir)
		r.closure(e.Source)
		kept, applied = append(kept, e), append(applied, r)
	}
	return kept
}

func nameEntries(entries []Entry) {
	count := map[string]int{}
	for i := range entries {
		e := &entries[i]
		if e.Name == "" {
			e.Name = e.Dir
		}
		count[shortName(*e)]++
	}
	for i := range entries {
		if short := shortName(entries[i]); count[short] == 1 {
			entries[i].Name = short
		}
	}
}

func shortName(e Entry) string {
	if e.Name == "." {
		return e.Root.Name
	}
	return path.Base(e.Name)
}

func entryNames(entries []Entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// EntryPair is one cluster before and after a change. One side is nil for a
// cluster that is new or gone.
type EntryPair struct{ Base, Head *Entry }

// MatchEntries pairs the clusters of two revisions: by name, and of the rest
// those with the same folder. The pairs are sorted by name.
func MatchEntries(base, head []Entry) []EntryPair {
	var pairs []EntryPair
	used := make([]bool, len(base))
	match := func(e Entry, same func(a, b Entry) bool) *Entry {
		for i := range base {
			if !used[i] && same(base[i], e) {
				used[i] = true
				return &base[i]
			}
		}
		return nil
	}
	partner := make([]*Entry, len(head))
	for i := range head {
		partner[i] = match(head[i], func(a, b Entry) bool { return a.Name == b.Name })
	}
	for i := range head {
		if partner[i] == nil {
			partner[i] = match(head[i], func(a, b Entry) bool { return a.Dir == b.Dir })
		}
		pairs = append(pairs, EntryPair{Base: partner[i], Head: &head[i]})
	}
	for i := range base {
		if !used[i] {
			pairs = append(pairs, EntryPair{Base: &base[i]})
		}
	}
	slices.SortFunc(pairs, func(a, b EntryPair) int { return cmp.Compare(a.name(), b.name()) })
	return pairs
}

func (p EntryPair) name() string {
	if p.Head != nil {
		return p.Head.Name
	}
	return p.Base.Name
}

// NoEntryError says that the repository describes no cluster by itself.
type NoEntryError struct {
	Folders []string          // folders with Flux Kustomizations, to be named explicitly
	Near    []finding.Related // what almost was an entry point, and why it is none
}

// Error says what was looked for and what to type.
func (e *NoEntryError) Error() string {
	var b strings.Builder
	b.WriteString("no cluster found: the repository has no gotk-sync.yaml of flux bootstrap, no FluxInstance with spec.sync, " +
		"no Flux Kustomization that leads to others, and no cluster folder with a kustomization.yaml")
	for _, n := range e.Near {
		fmt.Fprintf(&b, "; %s: %s", n.Pos, n.Message)
	}
	example := "clusters/production"
	if len(e.Folders) > 0 {
		example = e.Folders[0]
		fmt.Fprintf(&b, "; folders with Flux Kustomizations: %s", strings.Join(e.Folders, ", "))
	}
	fmt.Fprintf(&b, "; name the folders that Flux applies: --entry %s", example)
	return b.String()
}

// NoClusterError says that a cluster was asked for by a name that none has.
type NoClusterError struct {
	Cluster string
	Known   []string
}

// Error names the clusters that there are.
func (e *NoClusterError) Error() string {
	return fmt.Sprintf("there is no cluster %q; name one of: %s", e.Cluster, strings.Join(e.Known, ", "))
}

// nothing explains why there is no entry.
func (d *discovery) nothing() error {
	e := &NoEntryError{Near: d.near}
	for _, k := range d.graph.applies {
		if dir := path.Dir(k.File.Path); !slices.Contains(e.Folders, dir) {
			e.Folders = append(e.Folders, dir)
		}
	}
	slices.Sort(e.Folders)
	return e
}
