package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "render/failed",
		Severity: finding.Error,
		Summary:  "a Flux object cannot be rendered, for a reason that no other rule names",
		Why:      "The controller fails in the same way, and nothing of the object is updated any more.",
		Fix:      "see the message of the controller",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				if out.State == render.Failed && !invalid(p, out.Object) {
					reportUnclaimed(p, out)
				}
			}
		},
	})
}

// invalid reports whether the API server refuses the Flux object itself, which
// the schema rules report; what else is wrong with it follows from that.
func invalid(p *validate.Pass, o *render.Object) bool {
	return p.Catalog != nil && len(p.Catalog.Validate(o.Object)) > 0
}

// reportUnclaimed reports why an owner failed when no other rule does.
func reportUnclaimed(p *validate.Pass, out *render.Outcome) {
	for _, problem := range out.Problems {
		if claimed[problem.Reason] {
			return
		}
	}
	for _, problem := range out.Problems {
		p.Report(validate.FromProblem(problem, out.Object))
	}
	if len(out.Problems) == 0 {
		p.ReportAt(out.Object, "", out.Ready.Message)
	}
}
