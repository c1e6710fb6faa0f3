package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "helm/values-schema",
		Severity: finding.Error,
		Summary:  "the values do not meet the schema of the chart",
		Why:      "The install or upgrade fails.",
		Fix:      "correct the value, or set disableSchemaValidation",
	}, "helm-values-schema")
}
