package facts

import (
	"reflect"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var restarted = Kind{
	ID: "restarted", Severity: finding.Info,
	Summary: "the pods of a workload are replaced",
	Why: `Every change to the template of a workload replaces its pods, also one that looks harmless, such as a label that is added to
everything. Where the strategy is "Recreate", all pods stop before the first new one starts.`,
	Check: "see that it can be restarted now",
	find:  findRestarted,
}

func findRestarted(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		t, ok := templateOf(o.Ref)
		if !ok || !restarts(o) {
			continue
		}
		f := o.fact(t.pointer(), "its pods are replaced, some at a time")
		strategy := text(o.After, "spec", "strategy", "type")
		if o.Ref.Kind != "Deployment" {
			strategy = text(o.After, "spec", "updateStrategy", "type")
		}
		switch strategy {
		case "Recreate":
			f.Message, f.Severity = "all its pods stop before new ones start: its strategy is \"Recreate\"", finding.Warning
		case "OnDelete":
			f.Message = "its pods stay as they are until somebody deletes them: its update strategy is \"OnDelete\""
		}
		out = append(out, f)
	}
	return out
}

// restarts reports whether the change replaces the pods of a workload.
func restarts(o Object) bool {
	t, ok := templateOf(o.Ref)
	if !ok || !t.rolls || !o.altered() {
		return false
	}
	if n, set := number(o.After, "spec", "replicas"); set && n == 0 {
		return false
	}
	return !reflect.DeepEqual(value(o.Before, t.path...), value(o.After, t.path...))
}
