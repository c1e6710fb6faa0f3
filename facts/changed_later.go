package facts

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var changedLater = Kind{
	ID: "changed-later", Severity: finding.Warning,
	Summary: "the API server makes something else of an object when its owner applies it again",
	Why: `A MutatingAdmissionPolicy decides about what is written after it. The objects that are there already stay as they are until their owner
applies them again, at its next interval, although nothing of it has changed: then the API server changes them, and pods are replaced where it
changes what they are made from. A HelmRelease applies nothing as long as it does not change: its objects follow at its next upgrade, or at
its next interval if it looks for drift. After that nothing fights: Flux compares with what the policy makes of the object.`,
	Check: "apply the policy when its objects may change, or leave them out of it by a condition",
	find:  findChangedLater,
}

// Alteration is what the API server makes of an object that its owner applies
// again.
type Alteration struct {
	Object
	Fields  []diff.Field
	Upgrade bool // at the next upgrade of a release, not before
}

// maxAltered is how many fields are named.
const maxAltered = 5

func findChangedLater(s Step) []finding.Fact {
	var out []finding.Fact
	for _, a := range s.Altered {
		var names []string
		for _, f := range a.Fields[:min(len(a.Fields), maxAltered)] {
			names = append(names, f.Label)
		}
		if more := len(a.Fields) - len(names); more > 0 {
			names = append(names, counted(more, "more field"))
		}
		when := "reconciliation"
		if a.Upgrade {
			when = "upgrade of its release"
		}
		f := a.fact(a.Fields[0].Pointer, "would be changed at the next "+when+", by a policy and not by its owner: "+strings.Join(names, ", "))
		if restarts(a.Object) {
			f.Message += "; that replaces its pods"
		}
		out = append(out, f)
	}
	return out
}
