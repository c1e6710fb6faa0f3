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
		Why:      "The parent is ready when the child is, and the child starts when the parent is ready. The parent fails at its timeout, the child never starts.",
		Fix:      "remove the dependsOn of the child, or wait: true of the parent",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				for _, child := range out.Applies {
					if pointer := awaits(out.Object, child); pointer != "" {
						reportDeadlock(p, out, child, pointer)
					}
				}
			}
		},
	})
}

// awaits is the field by which a Kustomization waits for an object that it
// applies, empty when it does not. spec.wait makes healthChecks ignored.
func awaits(parent, child *render.Object) string {
	if specFlag(parent, "wait") {
		return "/spec/wait"
	}
	for _, check := range healthChecks(parent) {
		if check.Ref == child.Ref() {
			return check.Pointer
		}
	}
	return ""
}

func reportDeadlock(p *validate.Pass, parent *render.Outcome, child *render.Object, pointer string) {
	if specFlag(child, "suspend") {
		return
	}
	for _, dep := range dependsOn(child) {
		if dep.Ref == parent.Object.Ref() && !dep.replaced() {
			p.Report(finding.Finding{
				Object: child.Ref(), Field: dep.Pointer, Pos: child.At(dep.Pointer + "/name"), Chain: child.Chain(),
				Message: fmt.Sprintf("%s depends on %s, which applies it and waits for it", child.Ref(), dep.Ref),
				Related: []finding.Related{{Pos: parent.Object.At(pointer), Message: "the parent waits here"}},
			})
		}
	}
}
