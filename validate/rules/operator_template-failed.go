package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/template-failed",
		Severity: finding.Error,
		Summary:  "a template of a ResourceSet does not render to objects",
		Why:      "The Flux Operator applies nothing of a ResourceSet when one template fails for one input, and the objects stay as they were.",
		Fix:      "correct the template; a key that only some inputs have needs << if hasKey inputs \"key\" >>",
	}, "template-syntax", "template-failed", "template-yaml", "template-no-object")
}
