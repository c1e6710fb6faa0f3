package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "yaml/duplicate-key",
		Severity: finding.Error,
		Summary:  "a mapping has the same key twice",
		Why:      "kustomize refuses the file, and the build fails as a whole; other readers take the last value in silence.",
		Fix:      "remove one of the two",
		Since:    "0.1.0",
		Reads:    validate.ReadsTree,
		Check:    func(p *validate.Pass) { liftTree(p, "yaml-duplicate-key") },
	})
}
