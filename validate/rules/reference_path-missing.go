package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/path-missing",
		Severity: finding.Error,
		Summary:  "the path of a Kustomization does not exist in its source",
		Why:      "The controller reports ArtifactFailed. What it applied before stays in the cluster and is no longer updated.",
		Fix:      "correct spec.path; it is relative to the root of the source, and what the source ignores is not in it",
	}, "path-not-found", "path-not-directory")
}
