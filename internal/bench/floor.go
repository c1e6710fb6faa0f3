package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// load is what one cluster takes in: see BenchmarkObjects of the control plane.
type load struct {
	Given   []*unstructured.Unstructured `json:"given"`
	Objects []*unstructured.Unstructured `json:"objects"`
}

// floorOf measures how long as many control planes as a repository has clusters
// take to start and to take each of its objects once: a dry run and an apply.
func (b benchmarks) floorOf(ctx context.Context, work string, s subject) (run, error) {
	tree, err := repo.Folder(s.path)
	if err != nil {
		return run{}, err
	}
	at := place{tree: tree, path: s.path, work: work, entries: s.entries, sourceMap: s.sourceMap}
	all, err := worlds(ctx, at)
	if err != nil {
		return run{}, err
	}
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		return run{}, err
	}
	var loads []load
	var objects int
	for _, w := range all {
		l := loadOf(w, catalog.OperatedFluxCRDs())
		objects += len(l.Objects)
		loads = append(loads, l)
	}
	file := filepath.Join(work, "objects.json")
	data, err := json.Marshal(loads)
	if err != nil {
		return run{}, err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return run{}, err
	}
	r, err := b.run(ctx, "Objects", "1x", "FLUX_REHEARSE_OBJECTS="+file)
	if err != nil {
		return run{}, fmt.Errorf("measure the floor of %s: %w", s.name, err)
	}
	r.objects = objects
	return r, nil
}

// loadOf are the objects of a World: definitions and namespaces first.
func loadOf(w *render.World, given []*unstructured.Unstructured) load {
	l := load{Given: given}
	for _, seed := range w.Entry.Seeds {
		l.Objects = append(l.Objects, &unstructured.Unstructured{Object: seed.Object})
	}
	spaces := map[string]bool{}
	for _, o := range w.Objects() {
		l.Objects = append(l.Objects, o.Unstructured)
		if o.GetNamespace() != "" {
			spaces[o.GetNamespace()] = true
		}
	}
	for _, o := range l.Objects {
		if o.GetKind() == "Namespace" {
			delete(spaces, o.GetName())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spaces)) { // a release makes it
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetAPIVersion("v1")
		u.SetKind("Namespace")
		u.SetName(name)
		l.Given = append(l.Given, u)
	}
	slices.SortStableFunc(l.Objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return l
}

// rank tells what has to be there first.
func rank(u *unstructured.Unstructured) int {
	if first := slices.Index([]string{"CustomResourceDefinition", "Namespace"}, u.GetKind()); first >= 0 {
		return first
	}
	return 2
}
