package facts

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var orphaned = Kind{
	ID: "orphaned", Severity: finding.Warning,
	Summary: "an object stays in the cluster, and no Flux object looks after it any more",
	Why: `What leaves every inventory without being deleted is neither updated nor pruned from now on. It keeps running, keeps its
privileges, and nobody finds it in the repository. A Kustomization that fails has applied its namespaces, CustomResourceDefinitions
and cluster roles already, and takes note only of what a successful apply has applied.`,
	Check: "delete it by hand if nobody needs it",
	find:  findOrphaned,
}

// keptBecause says why an object was not deleted, by the reason of its change.
var keptBecause = map[string]string{
	"prune-false":          "its owner has \"prune: false\"",
	"prune-disabled":       "it is annotated with prune: disabled",
	"reconcile-disabled":   "it is annotated with reconcile: disabled",
	"ssa-ignore":           "it is annotated with ssa: Ignore",
	"owner-label-changed":  "its labels name no owner",
	"deletion-policy":      "the deletion policy of its owner keeps it",
	"service-account-gone": "the service account that would delete it is gone",
	"resource-policy":      "it is annotated with helm.sh/resource-policy: keep",
	"helm-definition":      "Helm deletes no CustomResourceDefinition of a chart",
	"helm-suspended":       "its owner was suspended when it was deleted, so that nothing was uninstalled",
	"created-namespace":    "Helm has created it for a release, and deletes no namespace",
}

func findOrphaned(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Orphans {
		message := "stays in the cluster, and no Flux object looks after it any more"
		if why := keptBecause[o.Reason]; why != "" {
			message += ": " + why
		}
		if o.Reason == "failed-apply" {
			out = append(out, finding.Fact{Object: o.Ref, Owner: o.Owner, Pos: o.Pos, Check: "fix what " + o.Owner.String() + " fails at; after a revert, kubectl delete " + kubectlName(o.Ref),
				Message: "is created, and " + o.Owner.String() + " fails before it takes note of it: if the change is reverted, it stays in the cluster"})
			continue
		}
		f := finding.Fact{Object: o.Ref, Owner: o.Owner, Pos: o.Pos, Message: message, Check: "kubectl delete " + kubectlName(o.Ref)}
		out = append(out, f)
	}
	return append(out, leftClaims(s)...)
}

// kubectlName names an object as kubectl takes it.
func kubectlName(ref finding.Ref) string {
	kind := strings.ToLower(ref.Kind)
	if ref.Group != "" {
		kind += "." + ref.Group
	}
	if ref.Namespace == "" {
		return kind + "/" + ref.Name
	}
	return kind + "/" + ref.Name + " -n " + ref.Namespace
}
