package facts

import (
	"slices"
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var suspended = Kind{
	ID: "suspended", Severity: finding.Warning,
	Summary: "a Flux object is suspended, so that changes do not arrive",
	Why: `What a suspended object should apply piles up, and arrives all at once when it is resumed. A suspension in the same commit as other
changes comes too late for them: they are applied before it.`,
	Check: "see what piles up, and plan when to resume it",
	find:  findSuspended,
}

var resumed = Kind{
	ID: "resumed", Severity: finding.Warning,
	Summary: "a Flux object is resumed, and applies what has piled up",
	Why:     "All that was merged while it was suspended arrives at once, also what this change does not show.",
	Check:   "read the changes of this owner, not only those of this pull request",
	find:    findResumed,
}

func findSuspended(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Owners {
		was, is := truth(o.Before, "spec", "suspend"), truth(o.After, "spec", "suspend")
		if !is || o.After == nil || s.Empty || was && len(o.Pending) == 0 {
			continue
		}
		f := o.fact("/spec/suspend", "is suspended from now on")
		if was {
			f = o.fact("/spec/suspend", "stays suspended")
			f.Severity = finding.Info
		}
		if n := len(o.Pending); n > 0 {
			f.Message += ": " + counted(n, "change") + " will be applied when it is resumed"
		}
		for _, c := range o.Pending {
			f.Others = append(f.Others, c.Object)
		}
		out = append(out, f)
	}
	return out
}

func findResumed(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Owners {
		if o.Before == nil || o.After == nil || !truth(o.Before, "spec", "suspend") || truth(o.After, "spec", "suspend") {
			continue
		}
		f := o.fact("/spec/suspend", "is resumed, and nothing has piled up")
		for _, c := range s.Objects {
			if c.Owner == o.Ref && c.Action != diff.Unchanged {
				f.Others = append(f.Others, c.Ref)
			}
		}
		if n := len(f.Others); n > 0 {
			f.Message = "is resumed, and applies " + counted(n, "change") + " at once" + o.since(f.Others)
		}
		out = append(out, f)
	}
	return out
}

// since says how much of what an owner does when it is resumed has piled up
// before the step.
func (o Owner) since(changes []finding.Ref) string {
	if len(items(o.Before, "status", "history")) == 0 && value(o.Before, "status", "inventory") == nil {
		return "; what it had applied before it was suspended is not known here"
	}
	old := 0
	for _, ref := range changes {
		if slices.ContainsFunc(o.Piled, func(c diff.Change) bool { return c.Object == ref }) {
			old++
		}
	}
	if old == 0 {
		return ""
	}
	return ", " + strconv.Itoa(old) + " of which " + agree(old, "has", "have") + " piled up before this change"
}
