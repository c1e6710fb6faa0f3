package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/access-denied",
		Severity: finding.Error,
		Summary:  "a controller flag or feature gate forbids the reference",
		Why:      "The controller reports AccessDenied and stalls. It does not try again until the object changes.",
		Fix:      "refer to a source in the same namespace, or change the flags of the controllers",
	}, "source-access-denied", "access-denied")
}
