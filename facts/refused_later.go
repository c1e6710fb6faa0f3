package facts

import "github.com/flux-rehearse/flux-rehearse/finding"

var refusedLater = Kind{
	ID: "refused-later", Severity: finding.Error,
	Summary: "the API server refuses an object, which it has, at the next reconciliation",
	Why: `What decides about objects came after them: a policy, a right that is taken away, a stricter CustomResourceDefinition. The
objects stay and their owner is ready, until its next interval applies them again, unchanged, and fails; nothing of it is applied from then on.`,
	Check: "change the objects before, or the policy so that it takes what is there",
	find: func(s Step) []finding.Fact {
		var out []finding.Fact
		for _, n := range s.Later {
			f := n.fact()
			f.Message = "would be refused at the next reconciliation: " + f.Message
			out = append(out, f)
		}
		return out
	},
}
