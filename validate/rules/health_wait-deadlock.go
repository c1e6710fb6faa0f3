package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "health/wait-deadlock",
		Severity: finding.Error,
		Summary:  "a Kustomization waits for a child that depends on it",
		Why:      "The parent is ready when the child is, and the child starts when the parent is ready. Both end in a timeout.",
		Fix:      "remove the dependsOn of the child, or wait: true of the parent",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range p.World.Outcomes {
				spec, _ := out.Object.Object["spec"].(map[string]any)
				if wait, _ := spec["wait"].(bool); !wait {
					continue
				}
				for _, child := range out.Applies {
					reportDeadlock(p, out, child)
				}
			}
		},
	})
}

func reportDeadlock(p *validate.Pass, parent *render.Outcome, child *render.Object) {
	if !hasDependencies(child) {
		return
	}
	for _, dep := range dependsOn(child) {
		if dep.Ref == parent.Object.Ref() {
			p.Report(finding.Finding{
				Object: child.Ref(), Field: dep.Pointer, Pos: child.At(dep.Pointer + "/name"), Chain: child.Chain(),
				Message: fmt.Sprintf("%s depends on %s, which applies it and waits for it", child.Ref(), dep.Ref),
				Related: []finding.Related{{Pos: parent.Object.At("/spec/wait"), Message: "the parent waits here"}},
			})
		}
	}
}
