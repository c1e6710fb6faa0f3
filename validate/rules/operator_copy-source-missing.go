package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("copy-source-missing")
	register(validate.Rule{
		ID:       "operator/copy-source-missing",
		Severity: finding.Warning,
		Summary:  "a ConfigMap or Secret that a ResourceSet copies or takes a checksum of does not exist",
		Why:      "The ResourceSet fails until somebody makes the object, and nothing of it is applied until then.",
		Fix:      "apply the object before, or correct namespace and name in the annotation",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			p.Lift("copy-source-missing")
		},
	})
}
