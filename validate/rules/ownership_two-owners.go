package rules

import (
	"fmt"

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
			"pruning deletes it for both.",
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

// otherOwner returns the object as another live owner applies it, nil when one
// owner alone does. Two releases may ship the same CRD: neither prunes it.
func otherOwner(w *render.World, o *render.Object) *render.Object {
	if o.Origin.Owner == nil || o.GetKind() == "CustomResourceDefinition" && o.Origin.Owner.GetKind() == "HelmRelease" {
		return nil
	}
	for _, v := range w.Appliers(o.Ref()) {
		if v.Origin.Owner != nil && v.Origin.Owner.Ref() != o.Origin.Owner.Ref() && live(w, v) && live(w, o) {
			return v
		}
	}
	return nil
}

// live reports whether the owner of an object gets to apply it.
func live(w *render.World, o *render.Object) bool {
	out := w.Outcome(o.Origin.Owner.Ref())
	return out != nil && out.State == render.Rendered
}
