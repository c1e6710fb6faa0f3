package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "schema/unknown-field",
		Severity: finding.Warning,
		Summary:  "a field is not in the schema of its kind",
		Why: "kustomize-controller drops such a field from built-in kinds: the object is applied without it and reported ready. " +
			"It is an error in custom resources, roles, CRDs and in charts, where the API server refuses the object with " +
			"\"field not declared in schema\", and the owner fails.",
		Fix:   "correct the name or the indentation of the field, or remove it",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			eachViolation(p, func(o *render.Object, v schemas.Violation) {
				if v.Kind != schemas.KindUnknownField {
					return
				}
				f := violation(o, v)
				if refused(p, o) {
					f.Severity = finding.Error
				} else {
					f.Message += "; Flux drops the field in silence"
				}
				p.Report(f)
			})
		},
	})
}

// refused reports whether the API server gets to see an unknown field. In a
// Kustomization, built-in kinds are read into their Go types first; releases,
// roles, CRDs and custom resources are not.
func refused(p *validate.Pass, o *render.Object) bool {
	gvk := o.GroupVersionKind()
	if o.Origin.Owner != nil && isHelmRelease(o.Origin.Owner.Ref()) {
		return true
	}
	switch gvk.Kind {
	case "Role", "ClusterRole":
		return gvk.Group == "rbac.authorization.k8s.io"
	case "CustomResourceDefinition":
		return true
	}
	return p.Catalog.Lookup(gvk).Source != schemas.SourceBuiltin
}
