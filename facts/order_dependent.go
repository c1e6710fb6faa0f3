package facts

import "github.com/flux-rehearse/flux-rehearse/finding"

var orderDependent = Kind{
	ID: "order-dependent", Severity: finding.Warning,
	Summary: "what becomes of an object depends on which of two owners Flux reconciles first",
	Why: `A new revision wakes all Flux objects at once. Where an object moves from one to another without dependsOn between them,
either may come first: if the old owner does, it deletes the object, and the new one makes it anew; if the new owner does, it
takes the object over. Both orders were replayed, and they end differently.`,
	Check: "move it in two steps: first annotate it with kustomize.toolkit.fluxcd.io/prune: disabled, then change its owner",
	find:  findOrderDependent,
}

func findOrderDependent(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Orders {
		f := finding.Fact{Object: o.Object, Owner: o.First, Pos: o.Pos, Others: []finding.Ref{o.First, o.Second}, From: o.End, To: o.Other,
			Message: "is " + o.End + " if " + o.First.String() + " comes first, and " + o.Other + " if " + o.Second.String() + " does"}
		if o.Destroyed {
			f.Severity = lossOf(o.Object).severity
		}
		out = append(out, f)
	}
	return out
}
