package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/resource-missing",
		Severity: finding.Error,
		Summary:  "a kustomization.yaml names a file that is not in the artifact",
		Why: "The whole Kustomization fails to build, and nothing of it is updated any more. Symbolic links, and files that source-controller " +
			"leaves out (pictures, archives, what .sourceignore lists), are not in the artifact though they are in the repository.",
		Fix: "add the file, correct the entry, or remove it",
	}, "resource-file-missing", "kustomization-file-missing", "patch-file-missing", "generator-file-missing")
}
