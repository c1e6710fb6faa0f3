package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/dependency-kind",
		Severity: finding.Error,
		Summary:  "dependsOn names an object of another kind",
		Why:      "dependsOn of a Kustomization knows Kustomizations only, that of a HelmRelease HelmReleases only. The object waits for ever.",
		Fix:      "depend on the Kustomization that applies the HelmRelease, and let it wait (spec.wait: true)",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			if obscure(p.World) {
				return
			}
			for _, out := range active(p.World) {
				for _, dep := range dependsOn(out.Object) {
					other := otherKind(p.World, dep.Ref)
					if p.World.Object(dep.Ref) != nil || other.IsZero() {
						continue
					}
					p.ReportAt(out.Object, dep.Pointer+"/name", fmt.Sprintf(
						"\"%s/%s\" is a %s, but dependsOn of a %s only finds %ss", dep.Namespace, dep.Name, other.Kind, dep.Kind, dep.Kind))
				}
			}
		},
	})
}
