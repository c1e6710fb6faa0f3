package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/values-from-missing",
		Severity: finding.Error,
		Summary:  "the values of a HelmRelease cannot be composed",
		Why:      "The controller reports ValuesError and neither installs nor upgrades.",
		Fix:      "correct name, valuesKey or targetPath of the reference, or set optional: true",
	}, "helm-values")
}
