package main

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// placeholders are the kinds that the objects of these clusters have and that
// nothing here defines: somebody must have installed their CRDs by other means.
// A definition that head has no more goes with the change; base may be nil.
func placeholders(live []*unstructured.Unstructured, base, head *cluster) []simulate.Placeholder {
	found := map[schema.GroupKind]*simulate.Placeholder{}
	for _, c := range []*cluster{base, head} {
		if c == nil {
			continue
		}
		objects := slices.Clone(live)
		for _, o := range c.world.Objects() {
			objects = append(objects, o.Unstructured)
		}
		for _, o := range objects {
			gvk := o.GroupVersionKind()
			if !c.undefined(gvk) || base != nil && len(base.catalog.Versions(gvk.GroupKind())) > 0 {
				continue
			}
			p := found[gvk.GroupKind()]
			if p == nil {
				p = &simulate.Placeholder{GroupKind: gvk.GroupKind()}
				found[gvk.GroupKind()] = p
			}
			p.Namespaced = p.Namespaced || o.GetNamespace() != ""
			if !slices.Contains(p.Versions, gvk.Version) {
				p.Versions = append(p.Versions, gvk.Version)
				slices.Sort(p.Versions)
			}
		}
	}
	out := make([]simulate.Placeholder, 0, len(found))
	for _, p := range found {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b simulate.Placeholder) int { return cmp.Compare(a.String(), b.String()) })
	return out
}
