package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// liveObjects reads the files that --live names.
func liveObjects(files []string, root string) ([]repo.Seed, error) {
	var out []repo.Seed
	for _, name := range files {
		list, err := readObjects(name, root)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// renderInputs are the live objects that rendering may ask for.
func renderInputs(live []repo.Seed) []repo.Seed {
	var out []repo.Seed
	for _, s := range live {
		kind, _ := s.Object["kind"].(string)
		if slices.Contains([]string{"ConfigMap", "Secret", "Namespace", "CustomResourceDefinition"}, kind) {
			out = append(out, s)
		}
	}
	return out
}

// withLive are the objects that a cluster starts with: what its running
// counterpart holds comes before what files say of it.
func withLive(extra, live []*unstructured.Unstructured) []*unstructured.Unstructured {
	known := map[finding.Ref]bool{}
	for _, u := range live {
		known[render.RefOf(u)] = true
	}
	out := slices.Clone(live)
	for _, u := range extra {
		if !known[render.RefOf(u)] {
			out = append(out, u)
		}
	}
	return out
}
