package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "schema/violation",
		Severity: finding.Error,
		Summary:  "a value is not what the schema of its kind allows",
		Why:      "The API server refuses the object, and with it all that its owner applies in the same stage.",
		Fix:      "correct the value",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			eachViolation(p, func(o *render.Object, v schemas.Violation) {
				if v.Kind != schemas.UnknownField {
					report(p, o, v)
				}
			})
		},
	})
}

// eachViolation validates every applied object whose schema is known.
func eachViolation(p *validate.Pass, visit func(*render.Object, schemas.Violation)) {
	for _, o := range applied(p.World) {
		for _, v := range p.Catalog.Validate(o.Object) {
			visit(o, v)
		}
	}
}

func report(p *validate.Pass, o *render.Object, v schemas.Violation) {
	f := finding.Finding{Object: o.Ref(), Field: v.Pointer, Pos: o.At(v.Pointer), Message: v.Message, Chain: o.Chain()}
	if v.Suggestion != "" {
		f.Hint = v.Suggestion
	}
	p.Report(f)
}
