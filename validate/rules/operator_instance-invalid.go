package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/instance-invalid",
		Severity: finding.Error,
		Summary:  "a FluxInstance is one that the Flux Operator does not accept",
		Why:      "Flux is neither installed nor updated from it, and what it syncs stays as it was.",
		Fix:      "correct the field that the message names",
	}, "instance-name", "instance-sync", "instance-patch")
}
