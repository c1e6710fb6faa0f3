package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// liveObjects reads the files that --live names.
func liveObjects(files []string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, name := range files {
		list, err := readObjects(name)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			if u.GetKind() == "" || u.GetAPIVersion() == "" || u.GetName() == "" {
				return nil, usagef("--live %s: an object has no apiVersion, kind or name", name)
			}
		}
		out = append(out, list...)
	}
	return out, nil
}

// renderInputs are the live objects that rendering may ask for.
func renderInputs(live []*unstructured.Unstructured) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, u := range live {
		if slices.Contains([]string{"ConfigMap", "Secret", "Namespace", "CustomResourceDefinition"}, u.GetKind()) {
			out = append(out, u)
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
