package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/duplicate-object",
		Severity: finding.Warning,
		Summary:  "several inputs of a ResourceSet yield the same object with different content",
		Why:      "Of objects with the same kind, namespace and name only the first is applied. The others are dropped without a word.",
		Fix:      "make the name or the namespace depend on the input",
	}, "resource-duplicate")
}
