package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/dependency-suspended",
		Severity: finding.Warning,
		Summary:  "a Kustomization depends on a suspended one of the same source",
		Why: "A suspended Kustomization stays at its revision, so from the next commit on the other one waits with " +
			"\"revision is not up to date\" and is not updated until the first is resumed.",
		Fix:   "suspend the dependent, too, or remove the dependency while the other is suspended",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				for _, dep := range dependsOn(out.Object) {
					other := p.World.Outcome(dep.Ref)
					if other == nil || other.State != render.Suspended || dep.replaced() || !sameSource(out.Object, other.Object) {
						continue
					}
					p.Report(finding.Finding{
						Object: out.Object.Ref(), Field: dep.Pointer + "/name", Pos: out.Object.At(dep.Pointer + "/name"), Chain: out.Object.Chain(),
						Message: fmt.Sprintf("%s is suspended, so %s gets no new revision", dep.Ref, out.Object.Ref()),
						Related: []finding.Related{{Pos: other.Object.At("/spec/suspend"), Message: "it is suspended here"}},
					})
				}
			}
		},
	})
}

// sameSource reports whether two Kustomizations build from one source object.
// Only then does Flux compare their revisions.
func sameSource(a, b *render.Object) bool {
	if !isKustomization(a.Ref()) || !isKustomization(b.Ref()) {
		return false
	}
	return sourceOf(a) == sourceOf(b)
}

// sourceOf names the source object of a Kustomization.
func sourceOf(o *render.Object) finding.Ref {
	ref := finding.Ref{
		Group: sourceGroup, Kind: specText(o, "sourceRef", "kind"),
		Namespace: specText(o, "sourceRef", "namespace"), Name: specText(o, "sourceRef", "name"),
	}
	if ref.Namespace == "" {
		ref.Namespace = o.GetNamespace()
	}
	return ref
}
