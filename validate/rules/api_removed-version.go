package rules

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "api/removed-version",
		Severity: finding.Error,
		Summary:  "an API version is no longer served",
		Why:      "The apply fails with \"no matches for kind\", and nothing of the owner is applied.",
		Fix:      "use the version that replaced it",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, o := range applied(p.World) {
				gvk := o.GroupVersionKind()
				r, gone := p.Catalog.Removed(gvk)
				if !gone {
					continue
				}
				f := finding.Finding{
					Object: o.Ref(), Field: "/apiVersion", Pos: o.At("/apiVersion"), Chain: o.Chain(),
					Message: fmt.Sprintf("%s %s is gone since %s %s", gvk.GroupVersion(), gvk.Kind, r.Product, r.Version),
				}
				if !r.Replacement.Empty() {
					f.Hint = "write apiVersion: " + r.Replacement.GroupVersion().String()
					if len(r.Fields) > 0 {
						f.Hint += "; it does not have " + strings.Join(r.Fields, ", ")
					}
				}
				p.Report(f)
			}
		},
	})
}
