package facts

import (
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var scaledToZero = Kind{
	ID: "scaled-to-zero", Severity: finding.Warning,
	Summary: "a workload is left without pods",
	Why:     "With no replicas nothing of it runs, and everything that calls it fails; it still reports ready.",
	Check:   "see that nothing needs it",
	find:    findScaledToZero,
}

func findScaledToZero(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if !RunsPods(o.Ref.Group, o.Ref.Kind) || o.Before == nil || o.After == nil {
			continue
		}
		before, had := number(o.Before, "spec", "replicas")
		after, has := number(o.After, "spec", "replicas")
		if !had || !has || before == 0 || after != 0 {
			continue
		}
		f := o.fact("/spec/replicas", "is scaled from "+strconv.FormatInt(before, 10)+" to 0: nothing of it runs any more")
		f.From, f.To = strconv.FormatInt(before, 10), "0"
		out = append(out, f)
	}
	return out
}
