package facts

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var orphaned = Kind{
	ID: "orphaned", Severity: finding.Warning,
	Summary: "an object stays in the cluster, and no Flux object looks after it any more",
	Why: `What leaves every inventory without being deleted is neither updated nor pruned from now on. It keeps running, keeps its
privileges, and nobody finds it in the repository.`,
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
}

func findOrphaned(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Orphans {
		message := "stays in the cluster, and no Flux object looks after it any more"
		if why := keptBecause[o.Reason]; why != "" {
			message += ": " + why
		}
		f := finding.Fact{Object: o.Ref, Owner: o.Owner, Pos: o.Pos, Message: message, Check: "kubectl delete " + kubectlName(o.Ref)}
		out = append(out, f)
	}
	return out
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
