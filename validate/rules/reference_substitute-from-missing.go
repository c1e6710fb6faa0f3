package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/substitute-from-missing",
		Severity: finding.Error,
		Summary:  "a ConfigMap or Secret for substitution does not exist",
		Why:      "The build fails with BuildFailed until the object exists, unless the reference is optional.",
		Fix:      "create the object in the namespace of the Kustomization before it, by an owner that it depends on, or set optional: true",
	}, "substitute-source-missing", "substitute-from-missing")
}
