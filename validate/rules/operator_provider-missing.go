package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/provider-missing",
		Severity: finding.Error,
		Summary:  "inputsFrom of a ResourceSet names an input provider that does not exist",
		Why:      "The ResourceSet is not rendered at all, and its objects stay as they were. Input providers are looked for in the namespace of the ResourceSet only.",
		Fix:      "correct the name, or move the input provider to the namespace of the ResourceSet",
	}, "input-provider-missing")
}
