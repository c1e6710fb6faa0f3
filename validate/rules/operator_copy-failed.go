package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "operator/copy-failed",
		Severity: finding.Error,
		Summary:  "an annotation of a ResourceSet's object that asks for content of another one cannot be followed",
		Why:      "The ResourceSet fails, and nothing of it is applied.",
		Fix:      "write namespace/name in copyFrom and convertKubeConfigFrom, and Kind/namespace/name in checksumFrom",
	}, "copy-failed")
}
