package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "ownership/duplicate-release",
		Severity: finding.Error,
		Summary:  "two HelmReleases have the same release name and storage namespace",
		Why: "Helm keeps one history for both. Each upgrades over the other without an error or an event, and removing one of them " +
			"uninstalls the objects of both.",
		Fix:   "give one of them another spec.releaseName or spec.storageNamespace",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			first := map[[2]string]*render.Outcome{}
			for _, out := range active(p.World) {
				if out.Release == nil || elsewhereApplied(out.Object) {
					continue
				}
				key := [2]string{out.Release.StorageNamespace, out.Release.Name}
				other := first[key]
				if other == nil {
					first[key] = out
					continue
				}
				field := "/metadata/name"
				if specText(out.Object, "releaseName") != "" {
					field = "/spec/releaseName"
				}
				p.Report(finding.Finding{
					Object: out.Object.Ref(), Field: field, Pos: out.Object.At(field), Chain: out.Object.Chain(),
					Message: fmt.Sprintf("the release %q in namespace %q is also that of %s", key[1], key[0], other.Object.Ref()),
					Related: []finding.Related{{Pos: other.Object.At(""), Message: "the other HelmRelease is here"}},
				})
			}
		},
	})
}
