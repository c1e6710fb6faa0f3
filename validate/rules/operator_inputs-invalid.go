package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/inputs-invalid",
		Severity: finding.Error,
		Summary:  "the inputs of a ResourceSet or what a ResourceSetInputProvider exports cannot be used",
		Why:      "The ResourceSet is not rendered at all, and its objects stay as they were.",
		Fix:      "correct the field that the message names",
	}, "inputs-invalid", "inputs-unavailable", "input-provider-url")
}
