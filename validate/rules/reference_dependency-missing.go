package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/dependency-missing",
		Severity: finding.Error,
		Summary:  "dependsOn names an object that does not exist",
		Why: "The object waits for ever: the controller reports DependencyNotReady and never applies it. " +
			"It is not reported where the object may come from an owner whose content is not at hand.",
		Fix:   "correct the name, or the namespace, which is that of the object itself unless dependsOn gives one",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			if obscure(p.World) {
				return
			}
			for _, out := range active(p.World) {
				for _, dep := range dependsOn(out.Object) {
					if p.World.Object(dep.Ref) == nil && otherKind(p.World, dep.Ref).IsZero() && dep.Name != "" {
						reportMissingDependency(p, out.Object, dep)
					}
				}
			}
		},
	})
}

func reportMissingDependency(p *validate.Pass, o *render.Object, dep reference) {
	f := finding.Finding{
		Object: o.Ref(), Field: dep.Pointer + "/name", Pos: o.At(dep.Pointer + "/name"), Chain: o.Chain(),
		Message: fmt.Sprintf("%s \"%s/%s\" does not exist, so this %s waits for ever", dep.Kind, dep.Namespace, dep.Name, o.GetKind()),
	}
	if other := namesake(p.World, dep.Ref); other != nil {
		f.Hint = fmt.Sprintf("there is one in namespace %q: add \"namespace: %s\" below the name", other.GetNamespace(), other.GetNamespace())
	}
	p.Report(f)
}

// otherKind finds the HelmRelease that a Kustomization means, or the reverse.
func otherKind(w *render.World, ref finding.Ref) finding.Ref {
	other := finding.Ref{Group: helmGroup, Kind: "HelmRelease", Namespace: ref.Namespace, Name: ref.Name}
	if ref.Kind == "HelmRelease" {
		other.Group, other.Kind = kustomizeGroup, "Kustomization"
	}
	if w.Object(other) == nil {
		return finding.Ref{}
	}
	return other
}
