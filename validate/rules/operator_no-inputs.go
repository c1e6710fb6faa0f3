package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/no-inputs",
		Severity: finding.Warning,
		Summary:  "the input providers of a ResourceSet provide no input",
		Why:      "Without any input the ResourceSet has no objects, so everything that it has applied before is deleted.",
		Fix:      "correct the selector or the names in inputsFrom; remove inputsFrom to render the templates once",
	}, "inputs-empty")
}
