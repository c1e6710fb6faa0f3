package facts

import "github.com/flux-rehearse/flux-rehearse/finding"

var orderDependent = Kind{
	ID: "order-dependent", Severity: finding.Warning,
	Summary: "the end depends on which of two Flux objects is reconciled first",
	Why: `A new revision wakes all Flux objects at once. Where an object moves from one to another without dependsOn between them,
either may come first: if the old owner does, it deletes the object, and the new one makes it anew; if the new owner does, it
takes the object over. Where one takes values from a ConfigMap or Secret that another one writes, it may read it before or after,
and does not look again before its next interval. Where its spec changes in the same commit as what it applies, it may come before its
parent, which brings the new spec. Helm deletes what a release has dropped without a look at whose it is by now: what one release takes over
from another one is gone if the taker comes first, and nobody reports it. Both orders were replayed, and they end differently.`,
	Check: "move it in two steps: first annotate it with kustomize.toolkit.fluxcd.io/prune: disabled, then change its owner",
	find:  findOrderDependent,
}

// deleted is the end of an object that is not there any more.
const deleted = "deleted"

func findOrderDependent(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Orders {
		f := finding.Fact{Object: o.Object, Owner: o.First, Check: movedSafely(o.First), Pos: o.Pos, Others: []finding.Ref{o.First, o.Second}, From: o.End, To: o.Other,
			Message: "is " + o.End + " if " + o.First.String() + " comes first, and " + o.Other + " if " + o.Second.String() + " does"}
		if !o.Reader.IsZero() {
			out = append(out, o.values())
			continue
		}
		if o.Object == o.First && len(o.Differ) > 0 {
			out = append(out, o.spec())
			continue
		}
		if o.Stands {
			f.Check = "change in one commit what has to come first, and the rest in another one"
		}
		if o.Destroyed {
			f.Severity = lossOf(o.Object).severity
		}
		if (o.End == deleted) != (o.Other == deleted) {
			f.Severity = finding.Error // somebody applies it, and it is not there
		}
		out = append(out, f)
	}
	return out
}

// spec is the fact about a Flux object whose new spec comes in the same commit
// as changes of what it applies.
func (o Order) spec() finding.Fact {
	f := finding.Fact{Object: o.Object, Owner: o.Second, Pos: o.Pos, Others: o.Differ, From: o.End, To: o.Other,
		Message: "still has the spec that it had before if it comes before " + o.Second.String() + ", so that " +
			counted(len(o.Differ), "object") + " " + agree(len(o.Differ), "is ", "are ") + o.End + ", and has its new spec if it comes after, so that " +
			agree(len(o.Differ), "it is ", "they are ") + o.Other,
		Check: "change its spec in one commit, and what it applies in another one"}
	for _, ref := range o.Differ {
		if o.Destroyed && lossOf(ref).severity == finding.Error {
			f.Severity = finding.Error
		}
	}
	return f
}

// values is the fact about an object that one writes and another one takes values from.
func (o Order) values() finding.Fact {
	writer := o.First
	if writer == o.Reader {
		writer = o.Second
	}
	return finding.Fact{Object: o.Reader, Owner: writer, Pos: o.Pos, Others: append([]finding.Ref{o.Object}, o.Differ...),
		Message: "applies " + counted(len(o.Differ), "object") + " with the values that " + o.Object.String() + " had before if it comes before " +
			writer.String() + ", until its next interval, and with the new values if it comes after",
		Check: "label " + o.Object.String() + " with reconcile.fluxcd.io/watch: Enabled, so that a change of it is seen at once"}
}
