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
		Severity: finding.Error,
		Summary:  "a field is not in the schema of its kind",
		Why: "kustomize-controller drops it in silence from built-in kinds (the object is applied without it, and reported ready); " +
			"from custom resources, roles and in charts the API server refuses it.",
		Fix:   "correct the name or the indentation of the field, or remove it",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			eachViolation(p, func(o *render.Object, v schemas.Violation) {
				if v.Kind == schemas.UnknownField {
					report(p, o, v)
				}
			})
		},
	})
}
