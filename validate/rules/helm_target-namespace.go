package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "helm/target-namespace",
		Severity: finding.Warning,
		Summary:  "a HelmRelease installs into a namespace that nothing creates",
		Why: "Helm does not create the namespace by itself. Unless somebody creates it by other means, the install fails with " +
			"\"namespaces not found\".",
		Fix:   "set spec.install.createNamespace: true, or add a Namespace object",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			known := namespaces(p.World)
			if known == nil {
				return
			}
			for _, out := range active(p.World) {
				if out.Release == nil || out.State != render.Rendered || elsewhereApplied(out.Object) {
					continue
				}
				for _, field := range []string{"targetNamespace", "storageNamespace"} {
					if ns := specText(out.Object, field); ns != "" && !known[ns] && !provided(ns) {
						p.ReportAt(out.Object, "/spec/"+field, fmt.Sprintf("nothing creates namespace %q, which the release %q needs", ns, out.Release.Name))
					}
				}
			}
		},
	})
}
