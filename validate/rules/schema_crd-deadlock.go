package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "schema/crd-deadlock",
		Severity: finding.Info,
		Summary:  "a Kustomization holds both a custom resource and the HelmRelease that brings its CRD",
		Why: "All objects of a Kustomization are tried before the first of them is applied. The custom resource fails with \"no matches for kind\", " +
			"so the HelmRelease is not applied either, and the CRD never comes. A cluster that already has the CRD, or gets it before Flux, does not show this.",
		Fix:   "move the custom resource to a Kustomization of its own that depends on this one, which then needs wait: true",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			bringers := crdBringers(p.World)
			for _, out := range active(p.World) {
				if isKustomization(out.Object.Ref()) && !elsewhereApplied(out.Object) {
					reportCRDDeadlock(p, out, bringers)
				}
			}
		},
	})
}

// crdBringers lists the owners that apply the CRD of each kind; a CRD that the
// cluster already has is brought by nil.
func crdBringers(w *render.World) map[schema.GroupKind][]*render.Object {
	out := map[schema.GroupKind][]*render.Object{}
	for _, o := range w.Objects() {
		if ref := o.Ref(); ref.Group != "apiextensions.k8s.io" || ref.Kind != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		gk := schema.GroupKind{Group: group, Kind: kind}
		for _, v := range w.Appliers(o.Ref()) {
			out[gk] = append(out[gk], v.Origin.Owner)
		}
	}
	return out
}

// reportCRDDeadlock reports the first object of each kind whose CRD only comes
// from releases that the Kustomization itself applies, be it by way of others.
func reportCRDDeadlock(p *validate.Pass, out *render.Outcome, bringers map[schema.GroupKind][]*render.Object) {
	seen := map[schema.GroupKind]bool{}
	for _, o := range out.Applies {
		gk := o.GroupVersionKind().GroupKind()
		owners := bringers[gk]
		if seen[gk] || len(owners) == 0 || ignored(o) {
			continue
		}
		seen[gk] = true
		below := true
		for _, owner := range owners {
			below = below && owner != nil && isBelow(owner, out.Object)
		}
		if !below {
			continue
		}
		p.Report(finding.Finding{
			Object: o.Ref(), Field: "/kind", Pos: o.At("/kind"), Chain: o.Chain(),
			Message: fmt.Sprintf("%s brings the CRD of %s, but both are in %s, so that a cluster without the CRD never gets either", owners[0].Ref(), o.Ref(), out.Object.Ref()),
			Related: []finding.Related{{Pos: owners[0].At(""), Message: "this brings the CRD"}},
		})
	}
}

// isBelow reports whether the Flux object comes out of the other one.
func isBelow(o, top *render.Object) bool {
	for owner := o.Origin.Owner; owner != nil; owner = owner.Origin.Owner {
		if owner.Ref() == top.Ref() {
			return true
		}
	}
	return false
}
