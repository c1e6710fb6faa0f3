package facts

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var contested = Kind{
	ID: "contested", Severity: finding.Error,
	Summary: "two Flux objects apply the same object",
	Why: `Both write it at every reconciliation. Fields on which they differ flip forever, with a rollout each time where they are part of
a pod template, and the one that stops applying it may delete it for both.`,
	Check: "let one of them apply it",
	find:  findContested,
}

func findContested(s Step) []finding.Fact {
	type claim struct {
		owner Owner
		value map[string]any
	}
	claims := map[finding.Ref][]claim{}
	for _, o := range s.Owners {
		if o.After == nil || truth(o.After, "spec", "suspend") {
			continue
		}
		for ref, v := range o.Rendered {
			claims[ref] = append(claims[ref], claim{o, v})
		}
	}
	var out []finding.Fact
	for ref, list := range claims {
		if len(list) < 2 {
			continue
		}
		slices.SortFunc(list, func(a, b claim) int { return cmp.Or(a.owner.Ref.Compare(b.owner.Ref)) })
		first := list[0]
		for _, other := range list[1:] {
			f := finding.Fact{Object: ref, Owner: first.owner.Ref, Others: []finding.Ref{other.owner.Ref}, Severity: finding.Warning,
				Message: "is applied by " + first.owner.Ref.String() + " and by " + other.owner.Ref.String() + " with the same content"}
			if fields := differing(first.value, other.value); len(fields) > 0 {
				f.Severity = finding.Error
				f.Message = "is applied by " + first.owner.Ref.String() + " and by " + other.owner.Ref.String() + ", which set by turns: " + strings.Join(fields, ", ")
			}
			out = append(out, f)
		}
	}
	return out
}

// maxContested is how many fields are named.
const maxContested = 5

// differing lists the fields to which both give a value, not the same one.
func differing(a, b map[string]any) []string {
	var out []string
	for _, f := range diff.Objects(a, b) {
		if f.Kind == diff.Changed {
			out = append(out, f.Label)
		}
	}
	if more := len(out) - maxContested; more > 0 {
		out = append(out[:maxContested], counted(more, "more field"))
	}
	return out
}
