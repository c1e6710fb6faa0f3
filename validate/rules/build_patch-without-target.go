package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/patch-without-target",
		Severity: finding.Error,
		Summary:  "a patch cannot be applied",
		Why:      "The whole Kustomization fails to build.",
		Fix:      "correct the target or the path of the patch",
	}, "patch-no-match", "patch-ambiguous", "patch-without-target", "patch-several-documents", "patch-invalid", "patch-path-missing", "patch-test-failed", "replicas-no-match", "replacement-no-match")
}
