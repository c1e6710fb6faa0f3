package rules

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	reasons := []string{"controllers-unread", "controller-flag-invalid"}
	claim(reasons...)
	register(validate.Rule{
		ID:       "controller/flags",
		Severity: finding.Error,
		Summary:  "a flag or feature gate of a Flux controller cannot be read",
		Why: "A controller ends at once with a flag or feature gate that it does not have in its version, or with a value that it cannot read: " +
			"after the upgrade nothing that it looks after is reconciled any more. Here the flag is left out.",
		Fix:   "correct the argument in the patches of the flux-system folder or of the FluxInstance",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, problem := range p.World.Problems {
				if slices.Contains(reasons, problem.Reason) && !(problem.Reason == "controllers-unread" && rootFails(p.World)) {
					p.Report(validate.FromProblem(problem, nil))
				}
			}
		},
	})
}

// rootFails reports whether the root Kustomization cannot be built, which has
// the same cause as that its folder cannot be read.
func rootFails(w *render.World) bool {
	out := w.Outcome(w.Entry.Root)
	return out != nil && out.State == render.Failed
}
