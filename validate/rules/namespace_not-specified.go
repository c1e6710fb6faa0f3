package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "namespace/not-specified",
		Severity: finding.Error,
		Summary:  "a namespaced object has no namespace",
		Why: "Flux does not default the namespace as kubectl does. The apply fails with \"namespace not specified\", " +
			"and nothing of the Kustomization or ResourceSet is applied.",
		Fix:   "add metadata.namespace, \"namespace:\" in kustomization.yaml, or spec.targetNamespace of the Flux Kustomization",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				if ref := out.Object.Ref(); !isKustomization(ref) && !isResourceSet(ref) {
					continue
				}
				for _, o := range out.Applies {
					namespaced, known := p.Catalog.Namespaced(o.GroupVersionKind().GroupKind())
					if known && namespaced && o.GetNamespace() == "" && !ignored(o) {
						p.ReportAt(o, "/metadata/namespace", fmt.Sprintf("%s %q has no namespace", o.GetKind(), o.GetName()))
					}
				}
			}
		},
	})
}
