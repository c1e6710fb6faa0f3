package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("duplicate-key")
	register(validate.Rule{
		ID:       "yaml/duplicate-key",
		Severity: finding.Warning,
		Summary:  "a mapping has the same key twice",
		Why: "kustomize refuses such a file, so an error is reported where a build takes it: the Kustomization fails as a whole. " +
			"Other readers take the last value in silence.",
		Fix:   "remove one of the two",
		Since: "0.1.0",
		Reads: validate.ReadsTree,
		Check: func(p *validate.Pass) { reportFiles(p, "duplicate-key", "yaml-duplicate-key") },
	})
}
