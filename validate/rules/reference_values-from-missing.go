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
			"target namespace. " + whyData,
		Fix:   "correct name, valuesKey or targetPath of the reference, name a file that has the object under cluster: in the file of --config, or set optional: true",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated("helm-values") {
				reportData(p, s, "spec", "valuesFrom")
			}
		},
	})
}
