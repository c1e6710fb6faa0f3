package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// precisions are the columns of the table, from the closest to the widest.
var precisions = []finding.Precision{
	finding.PrecisionExact, finding.PrecisionDocument, finding.PrecisionParent,
	finding.PrecisionFile, finding.PrecisionOwner, finding.PrecisionNone,
}

// counted is how many places have each precision.
type counted map[finding.Precision]int

func (c counted) sum() int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

// shares are places of objects and of their fields, by the kind of owner.
type shares map[string]*struct{ objects, fields counted }

func (s shares) add(kind string, o *render.Object) {
	if s[kind] == nil {
		s[kind] = &struct{ objects, fields counted }{counted{}, counted{}}
	}
	s[kind].objects[o.At("").Precision]++
	leaves(o.Object, "", func(pointer string) { s[kind].fields[o.At(pointer).Precision]++ })
}

// leaves calls f for every value that is neither a mapping nor a list with content.
func leaves(v any, pointer string, f func(pointer string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			leaves(v[k], pointer+finding.Pointer(k), f)
		}
		if len(v) > 0 {
			return
		}
	case []any:
		for i, item := range v {
			leaves(item, fmt.Sprintf("%s/%d", pointer, i), f)
		}
		if len(v) > 0 {
			return
		}
	}
	f(pointer)
}

// precise prints how precisely the objects of the repositories and their fields
// are placed.
func precise(work string, subjects []subject) error {
	fmt.Printf("\n%-26s %-18s %-8s %8s", "repository", "owner", "places", "number")
	for _, p := range precisions {
		fmt.Printf(" %9s", orNone(p))
	}
	fmt.Println()
	built := counted{}
	for _, s := range subjects {
		tree, err := repo.Folder(s.path)
		if err != nil {
			return err
		}
		p := place{tree: tree, path: s.path, entries: s.entries, sourceMap: s.sourceMap, work: filepath.Join(work, "sources-"+filepath.Base(s.name))}
		all, err := worlds(context.Background(), p)
		if err != nil {
			return err
		}
		found := shares{}
		for _, w := range all {
			for _, out := range w.Outcomes {
				for _, list := range [][]*render.Object{out.CRDs, out.Applies, out.Hooks} {
					for _, o := range list {
						found.add(out.Object.GetKind(), o)
					}
				}
			}
		}
		found.print(s.name)
		if k := found["Kustomization"]; k != nil {
			for p, n := range k.objects {
				built[p] += n
			}
		}
	}
	line("all", "Kustomization", "objects", built)
	return nil
}

func (s shares) print(name string) {
	for _, kind := range slices.Sorted(maps.Keys(s)) {
		line(name, kind, "objects", s[kind].objects)
		line(name, kind, "fields", s[kind].fields)
	}
}

func line(name, kind, places string, c counted) {
	fmt.Printf("%-26.26s %-18s %-8s %8d", name, kind, places, c.sum())
	for _, p := range precisions {
		fmt.Printf(" %8.2f%%", 100*float64(c[p])/float64(c.sum()))
	}
	fmt.Println()
}

func orNone(p finding.Precision) string {
	if p == finding.PrecisionNone {
		return "none"
	}
	return string(p)
}
