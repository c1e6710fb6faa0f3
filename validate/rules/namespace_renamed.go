package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "namespace/renamed",
		Severity: finding.Warning,
		Summary:  "spec.targetNamespace renames a Namespace object",
		Why: "kustomize does not only move objects into the target namespace: a Namespace object of the same build takes its name. " +
			"The declared namespace is not created.",
		Fix:   "declare the Namespace under the name of spec.targetNamespace, or in another Kustomization",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				target := specText(out.Object, "targetNamespace")
				if !isKustomization(out.Object.Ref()) || target == "" {
					continue
				}
				for _, o := range out.Applies {
					if declared := renamedFrom(o, target); declared != "" {
						p.Report(finding.Finding{
							Object: o.Ref(), Field: "/metadata/name", Pos: o.Origin.Doc.At("/metadata/name"), Chain: o.Chain(),
							Message: fmt.Sprintf("Namespace %q is renamed to %q by spec.targetNamespace of %s", declared, target, out.Object.Ref()),
							Related: []finding.Related{{Pos: out.Object.At("/spec/targetNamespace"), Message: "the target namespace is set here"}},
						})
					}
				}
			}
		},
	})
}

// renamedFrom is the declared name of a Namespace object that has the name of
// the target instead, empty for any other object.
func renamedFrom(o *render.Object, target string) string {
	ref := o.Ref()
	if ref.Group != "" || ref.Kind != "Namespace" || ref.Name != target || o.Origin.Doc == nil {
		return ""
	}
	declared, ok := o.Origin.Doc.Ref()
	if !ok || declared.Kind != "Namespace" || declared.Name == target || variable(declared.Name) {
		return ""
	}
	return declared.Name
}
