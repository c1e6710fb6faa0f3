package facts

import "github.com/flux-rehearse/flux-rehearse/finding"

var refusedLater = Kind{
	ID: "refused-later", Severity: finding.Error,
	Summary: "the API server refuses an object that it took when its owner applies it again",
	Why: `What decides about objects came after them: a policy, a right that is taken away, a stricter CustomResourceDefinition, a namespace
or a definition that somebody else deletes. Their owner is ready, until its next interval applies them again, unchanged, and fails; nothing of it
is applied from then on.
A HelmRelease applies nothing as long as it does not change: it fails at its next upgrade, for which a warning is given, or at its next interval if
it looks for drift.`,
	Check: "change or remove the objects before, or let what decides about them take what is there",
	find: func(s Step) []finding.Fact {
		var out []finding.Fact
		for _, n := range s.Later {
			f := n.fact()
			when := "reconciliation"
			if n.Upgrade {
				when, f.Severity = "upgrade of its release", finding.Warning
			}
			f.Message = "would be refused at the next " + when + ": " + f.Message
			out = append(out, f)
		}
		return out
	},
}
