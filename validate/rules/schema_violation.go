package rules

import (
	"strings"

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
		Why: "The API server refuses the object, and with it all that its owner applies in the same stage. " +
			"With spec.force the live object is deleted before that.",
		Fix:   "correct the value",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			eachViolation(p, func(o *render.Object, v schemas.Violation) {
				if v.Kind != schemas.KindUnknownField {
					p.Report(violation(o, v))
				}
			})
		},
	})
}

// eachViolation validates every applied object whose schema is known. Of an
// encrypted object only fields are looked at, as values are placeholders. The
// field "sops" is another rule's.
func eachViolation(p *validate.Pass, visit func(*render.Object, schemas.Violation)) {
	for _, o := range applied(p.World) {
		for _, v := range p.Catalog.Validate(o.Object) {
			if v.Pointer == "/sops" || strings.HasPrefix(v.Pointer, "/sops/") {
				continue
			}
			if !o.Origin.Encrypted || v.Kind == schemas.KindUnknownField || v.Kind == schemas.KindRequired {
				visit(o, v)
			}
		}
	}
}

// violation is the finding for a violation. Of an unknown field the key is the
// place, unless somebody wrote the field after the declaration.
func violation(o *render.Object, v schemas.Violation) finding.Finding {
	f := finding.Finding{Object: o.Ref(), Field: v.Pointer, Pos: o.At(v.Pointer), Message: v.Message, Chain: o.Chain()}
	if doc := o.Origin.Doc; doc != nil && v.Kind == schemas.KindUnknownField && f.Pos == doc.At(v.Pointer) {
		f.Pos = doc.KeyAt(v.Pointer)
	}
	switch {
	case secretValue(o, v):
		f.Message = withoutValue(v)
	case v.Suggestion != "":
		f.Hint = "write " + v.Suggestion
	}
	return f
}

// secretValue reports whether a violation is about what a Secret keeps: the
// server tells such values to nobody who may not read them, nor does a report.
func secretValue(o *render.Object, v schemas.Violation) bool {
	ref := o.Ref()
	if ref.Group != "" || ref.Kind != "Secret" || v.Kind == schemas.KindUnknownField {
		return false
	}
	top, _, _ := strings.Cut(strings.TrimPrefix(v.Pointer, "/"), "/")
	return top == "data" || top == "stringData"
}

func withoutValue(v schemas.Violation) string {
	switch {
	case v.Kind == schemas.KindPattern:
		return "the value is not base64"
	case v.Kind == schemas.KindType && strings.Count(v.Pointer, "/") == 1:
		return "the values are not a mapping"
	case v.Kind == schemas.KindType:
		return "the value is not a string"
	}
	return "the value is not what a Secret can hold"
}
