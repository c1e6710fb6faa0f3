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
			for _, out := range p.World.Outcomes {
				if out.State == render.Failed {
					reportUnclaimed(p, out)
				}
			}
		},
	})
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
