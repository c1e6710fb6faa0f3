package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "schema/missing-crd",
		Severity: finding.Info,
		Summary:  "the kind of an object is neither built in nor defined in the repository",
		Why: "Unless its CRD is installed by other means, the apply fails with \"no matches for kind\", and nothing of the owner is applied. " +
			"It is not reported where a chart or a source that is not at hand may bring the CRD.",
		Fix:   "add the CRD, or the chart that ships it, to an owner that comes first",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			strict(p)
			if !complete(p.World) {
				return
			}
			seen := map[string]bool{}
			for _, o := range applied(p.World) {
				gvk := o.GroupVersionKind()
				_, removed := p.Catalog.Removed(gvk)
				if removed || p.Catalog.Lookup(gvk).Source != schemas.SourceNone || seen[gvk.String()] {
					continue
				}
				seen[gvk.String()] = true
				p.ReportAt(o, "/kind", fmt.Sprintf("nothing here defines kind %q of %q", gvk.Kind, gvk.GroupVersion()))
			}
		},
	})
}
