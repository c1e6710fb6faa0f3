package rules

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/repository-type",
		Severity: finding.Error,
		Summary:  "the URL of a HelmRepository does not go with its type",
		Why: "source-controller refuses an oci:// URL without \"type: oci\", and any other URL with it. It reports URLInvalid and stalls, " +
			"and no chart of the repository is ever fetched.",
		Fix:   "set spec.type: oci for an oci:// URL, and leave it out for others",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, o := range applied(p.World) {
				if !mistyped(o) {
					continue
				}
				hint := "remove spec.type, or write an oci:// URL"
				if oci(o) {
					hint = "add \"type: oci\" to spec"
				}
				p.Report(finding.Finding{
					Object: o.Ref(), Field: "/spec/url", Pos: o.At("/spec/url"), Chain: o.Chain(), Hint: hint,
					Message: fmt.Sprintf("the URL %q is refused for a HelmRepository of type %q", specText(o, "url"), typeOf(o)),
				})
			}
		},
	})
}

// mistyped reports whether the object is a HelmRepository whose URL does not go
// with its type.
func mistyped(o *render.Object) bool {
	ref := o.Ref()
	return ref.Group == sourceGroup && ref.Kind == "HelmRepository" && specText(o, "url") != "" &&
		oci(o) != (typeOf(o) == "oci") && !specFlag(o, "suspend")
}

func oci(o *render.Object) bool { return strings.HasPrefix(specText(o, "url"), "oci://") }

func typeOf(o *render.Object) string {
	if t := specText(o, "type"); t != "" {
		return t
	}
	return "default"
}
