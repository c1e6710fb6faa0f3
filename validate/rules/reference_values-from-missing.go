package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("helm-values")
	register(validate.Rule{
		ID:       "reference/values-from-missing",
		Severity: finding.Error,
		Summary:  "valuesFrom names an object or a key that does not exist, or one that gives no values",
		Why: "The controller reports ValuesError and neither installs nor upgrades. It looks in the namespace of the HelmRelease, never in the " +
			"target namespace. A Secret that nothing here makes is a warning, as somebody may make it by hand, " +
			"and an info where an owner that cannot be rendered may make it.",
		Fix:   "correct name, valuesKey or targetPath of the reference, or set optional: true",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated("helm-values") {
				reportData(p, s, "spec", "valuesFrom")
			}
		},
	})
}
