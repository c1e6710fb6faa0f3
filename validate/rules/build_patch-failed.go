package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/patch-failed",
		Severity: finding.Error,
		Summary:  "a patch, replacement or replica count cannot be applied",
		Why: "A patch without target must match an object by kind, name and namespace; a JSON patch must find its path. " +
			"Where it does not, the whole Kustomization fails to build, and nothing of it is updated any more.",
		Fix: "correct the target or the path of the patch",
	}, "patch-no-match", "patch-ambiguous", "patch-without-target", "patch-several-documents", "patch-invalid",
		"patch-path-missing", "patch-test-failed", "replicas-no-match", "replacement-no-match")
}
