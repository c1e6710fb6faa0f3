package rules

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "ownership/two-owners",
		Severity: finding.Warning,
		Summary:  "an object is applied by two owners",
		Why: "Each reconciliation of one owner undoes the other's fields, and when one of them no longer has the object, " +
			"pruning can delete it for both. Neither reports anything.",
		Fix:   "let one owner have the object and remove it from the other",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, o := range p.World.Objects() {
				if other := otherOwner(p.World, o); other != nil {
					p.Report(finding.Finding{
						Object: o.Ref(), Pos: o.At(""), Chain: o.Chain(),
						Message: fmt.Sprintf("%s is applied by %s and by %s", o.Ref(), other.Origin.Owner.Ref(), o.Origin.Owner.Ref()),
						Related: []finding.Related{{Pos: other.At(""), Message: fmt.Sprintf("%s applies it here", other.Origin.Owner.Ref())}},
					})
				}
			}
		},
	})
}

// otherOwner returns the object as another owner applies it to the same
// cluster, nil when one owner alone does. Shared CRDs of releases are never pruned.
func otherOwner(w *render.World, o *render.Object) *render.Object {
	if !contended(w, o) || o.GetKind() == "CustomResourceDefinition" && isHelmRelease(o.Origin.Owner.Ref()) {
		return nil
	}
	for _, v := range w.Appliers(o.Ref()) {
		if contended(w, v) && v.Origin.Owner.Ref() != o.Origin.Owner.Ref() {
			return v
		}
	}
	return nil
}

// contended reports whether a Flux object applies the object to the cluster and
// claims all of it. An annotation can make it share or leave alone what exists.
func contended(w *render.World, o *render.Object) bool {
	owner := o.Origin.Owner
	if owner == nil || elsewhereApplied(owner) || validate.Dormant(w, o) || ignored(o) {
		return false
	}
	for _, m := range []map[string]string{o.GetLabels(), o.GetAnnotations()} {
		mode := strings.ToLower(m[kustomizeGroup+"/ssa"])
		if mode == "merge" || mode == "ifnotpresent" {
			return false
		}
	}
	out := w.Outcome(owner.Ref())
	return out != nil && out.State == render.Rendered
}
