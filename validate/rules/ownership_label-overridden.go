package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "ownership/label-overridden",
		Severity: finding.Warning,
		Summary:  "spec.commonMetadata overwrites the label by which Flux knows its objects",
		Why: "Common labels are written after the owner labels, and pruning deletes only objects with the right owner labels. " +
			"What is removed from the repository stays in the cluster for ever, and the Kustomization reports Ready.",
		Fix:   "remove the label from spec.commonMetadata.labels",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, out := range active(p.World) {
				o := out.Object
				if !isKustomization(o.Ref()) {
					continue
				}
				common, _ := spec(o)["commonMetadata"].(map[string]any)
				labels, _ := common["labels"].(map[string]any)
				for field, want := range map[string]string{"name": o.GetName(), "namespace": o.GetNamespace()} {
					key := kustomizeGroup + "/" + field
					if value, ok := labels[key]; ok && value != want {
						p.ReportAt(o, finding.Pointer("spec", "commonMetadata", "labels", key), fmt.Sprintf("the label %q replaces the owner label, so nothing is ever pruned", key))
					}
				}
			}
		},
	})
}
