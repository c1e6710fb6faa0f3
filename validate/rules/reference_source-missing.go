package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/source-missing",
		Severity: finding.Error,
		Summary:  "a source object that is referred to does not exist",
		Why:      "The controller reports ArtifactFailed and applies nothing until the source appears; what is in the cluster stays as it is.",
		Fix:      "correct kind, name and namespace of the reference, or add the source object; the namespace is that of the referring object unless one is given",
	}, "source-not-found", "chart-ref-not-found")
}
