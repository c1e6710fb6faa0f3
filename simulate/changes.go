package simulate

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// history is all that was written to one object in a step.
type history struct {
	ref           finding.Ref
	owner         finding.Ref // of the last write
	before, after map[string]any
	deleter       finding.Ref   // who deleted it in between, or at the end
	deleted       bool          // at some time in the step
	instances     []finding.Ref // of the kind that a CustomResourceDefinition defined when it was deleted
}

// histories joins the writes of a step by object, sorted: a release writes to
// several objects at a time.
func histories(writes []write) []*history {
	var out []*history
	at := map[finding.Ref]*history{}
	for _, w := range writes {
		h := at[w.ref]
		if h == nil {
			h = &history{ref: w.ref, before: w.before}
			at[w.ref] = h
			out = append(out, h)
		}
		h.owner, h.after = w.actor, w.after
		if w.after == nil || terminating(w.after) && !terminating(w.before) {
			h.deleted, h.deleter = true, w.actor
			h.instances = append(h.instances, w.instances...)
		}
	}
	slices.SortFunc(out, func(a, b *history) int { return a.ref.Compare(b.ref) })
	return out
}

func terminating(obj map[string]any) bool {
	return obj != nil && (&unstructured.Unstructured{Object: obj}).GetDeletionTimestamp() != nil
}

// changes derives what the step did to each object.
func (r *replay) changes(ctx context.Context) []diff.Change {
	var out []diff.Change
	written := map[finding.Ref]bool{}
	writes := r.recorder.take()
	for _, w := range writes {
		r.uids.learn(w.before)
		r.uids.learn(w.after)
	}
	for _, h := range histories(writes) {
		if terminating(h.after) && r.cluster.read(ctx, h.ref) == nil {
			h.after = nil
		}
		if c, ok := r.change(h); ok && !r.implied(h) {
			written[h.ref] = true
			r.evidence(ctx, h, c)
			out = append(out, c)
		}
	}
	out = append(out, r.undefined(ctx, written)...)
	for _, e := range r.step.entries {
		if !written[e.ref] {
			out = append(out, diff.Change{Object: e.ref, Owner: e.owner, Action: e.action, Reason: e.reason, From: e.from,
				Pos: r.placeOf(e.owner, e.ref, "")})
		}
	}
	out = append(out, r.failed(ctx)...)
	r.sortChanges(out)
	placeByCause(out)
	return out
}

// implied reports whether nobody applies an object that goes: every namespace has a
// default service account, and nobody tells of it when it comes.
func (r *replay) implied(h *history) bool {
	return h.after == nil && h.ref.Kind == "ServiceAccount" && h.ref.Name == "default" && r.applied[h.ref] == nil
}

// change is the net effect of a step on one object.
func (r *replay) change(h *history) (diff.Change, bool) {
	c := diff.Change{Object: h.ref, Owner: h.owner, Pos: r.placeOf(h.owner, h.ref, "")}
	switch {
	case h.before == nil && h.after == nil:
		return c, false
	case h.before == nil:
		c.Action = diff.Create
	case h.after == nil || terminating(h.after) && !terminating(h.before):
		c.Action, c.Owner = diff.Delete, h.deleter
		if h.after != nil {
			c.Reason = "terminating"
		}
	case h.deleted && uidOf(h.before) != uidOf(h.after):
		c.Action, c.Reason = diff.Recreate, "forced"
		if h.deleter != h.owner {
			c.Reason, c.From = "moved", h.deleter
		}
	default:
		c.Action = diff.Update
		if from, reason := adoption(h); reason != "" {
			c.Action, c.Reason, c.From = diff.Adopt, reason, from
		}
	}
	if m := r.memory[h.owner]; m != nil && m.rendered[h.ref] != nil {
		r.hide(m.rendered[h.ref])
	}
	c.Fields = diff.Objects(r.uids.stable(h.before), r.uids.stable(h.after), r.hidden[h.ref]...)
	if c.Action == diff.Update && len(c.Fields) == 0 {
		c.Action = diff.Unchanged
	}
	if c.Action == diff.Delete {
		c.Fields = nil
	}
	for i := range c.Fields {
		c.Fields[i].Pos = r.placeOf(h.owner, h.ref, c.Fields[i].Pointer)
	}
	return c, true
}

func uidOf(obj map[string]any) string {
	return string((&unstructured.Unstructured{Object: obj}).GetUID())
}

// adoption says from whom an owner takes over an object that existed before.
func adoption(h *history) (finding.Ref, string) {
	before := (&unstructured.Unstructured{Object: h.before}).GetLabels()
	after := (&unstructured.Unstructured{Object: h.after}).GetLabels()
	for _, kind := range []schema.GroupKind{kustomizationKind, helmReleaseKind, resourceSetKind, fluxInstanceKind} {
		was, now := labelled(before, kind), labelled(after, kind)
		switch {
		case now.IsZero() || now != h.owner || was == now:
			continue
		case !was.IsZero():
			return was, "moved"
		}
		for _, other := range []schema.GroupKind{kustomizationKind, helmReleaseKind, resourceSetKind, fluxInstanceKind} {
			if had := labelled(before, other); other != kind && !had.IsZero() {
				return had, "moved"
			}
		}
		return finding.Ref{}, "existed"
	}
	return finding.Ref{}, ""
}

func labelled(labels map[string]string, kind schema.GroupKind) finding.Ref {
	prefix := authorityOf(kind).labels
	if kind == helmReleaseKind {
		prefix = helmGroup
	}
	if labels[prefix+"/name"] == "" {
		return finding.Ref{}
	}
	return finding.Ref{Group: kind.Group, Kind: kind.Kind, Namespace: labels[prefix+"/namespace"], Name: labels[prefix+"/name"]}
}

// placeOf is where to edit a field of an object that an owner applies.
func (r *replay) placeOf(owner, ref finding.Ref, pointer string) finding.Position {
	if m := r.memory[owner]; m != nil && m.rendered[ref] != nil {
		return m.rendered[ref].At(pointer)
	}
	if o := r.applied[ref]; o != nil {
		return o.At(pointer)
	}
	if o := r.left[ref]; o != nil {
		return o.At(pointer)
	}
	if o := r.applied[owner]; o != nil {
		p := o.At("")
		p.Precision = finding.PrecisionOwner
		return p
	}
	return finding.Position{}
}

// failed lists the objects that the server refuses, and those that their
// owners do not get to.
func (r *replay) failed(ctx context.Context) []diff.Change {
	var out []diff.Change
	for _, ref := range sortedRefs(r.memory) {
		m := r.memory[ref]
		switch m.phase {
		case phaseFailed, phasePaused, phaseStalled, phaseBlocked, phaseLingering:
		default:
			continue
		}
		var by []finding.Ref
		for _, f := range m.failures {
			e := f.Error
			e.Message, e.Causes = r.uids.message(e.Message), r.narrowed(ctx, ref, f)
			e.Hint = r.hint(ctx, ref, f)
			by = append(by, f.Object.Ref())
			out = append(out, diff.Change{Object: f.Object.Ref(), Owner: ref, Action: diff.Fail, Reason: kebab(e.Reason), Error: &e,
				Beyond: f.Beyond, Pos: firstPlace(f, e.Causes)})
		}
		if len(by) == 0 {
			by = m.on
		}
		for _, b := range m.blocked {
			out = append(out, diff.Change{Object: b, Owner: ref, Action: diff.Blocked, Pos: r.placeOf(ref, b, ""), BlockedBy: by})
		}
	}
	return out
}

func firstPlace(f Refusal, causes []diff.Cause) finding.Position {
	for _, c := range causes {
		if !c.Pos.IsZero() {
			return c.Pos
		}
	}
	return f.Object.At("")
}

// sortChanges orders changes by owner in order of reconciliation, then by object.
func (r *replay) sortChanges(list []diff.Change) {
	rank := map[finding.Ref]int{}
	for i, ref := range r.step.order {
		rank[ref] = i - len(r.step.order)
	}
	slices.SortStableFunc(list, func(a, b diff.Change) int {
		return cmp.Or(cmp.Compare(rank[a.Owner], rank[b.Owner]), a.Owner.Compare(b.Owner), a.Object.Compare(b.Object),
			cmp.Compare(a.Action, b.Action))
	})
}

// finish sums a step up.
func (r *replay) finish(ctx context.Context) Step {
	r.showBlocked(ctx)
	step := Step{Name: r.step.input.Name, Assumed: r.step.assumed, Changes: r.changes(ctx), Owners: r.owners(ctx)}
	r.step.after = r.ownersNow(ctx)
	step.Facts = r.facts(ctx)
	factsByCause(step.Facts, step.Changes)
	step.Open = slices.Concat(r.open(step.Changes), r.openReads(ctx), r.openSpecs(step.Changes))
	step.Uncalled = r.uncalled(ctx)
	r.notePlaceholders()
	r.tellAll()
	step.Events, step.Notes = lasting(r.step.events, r.step.after), r.step.notes
	for i := range step.Events {
		step.Events[i].Message = r.uids.message(step.Events[i].Message)
	}
	slices.SortStableFunc(step.Events, func(a, b Event) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	slices.Sort(step.Notes)
	return step
}

// lasting leaves out that an object waited for others, where it does not wait
// any more, or for something else: how often that is told is a matter of timing.
func lasting(events []Event, owners map[finding.Ref]*unstructured.Unstructured) []Event {
	return slices.DeleteFunc(slices.Clone(events), func(e Event) bool {
		u := owners[e.Object]
		if e.Reason != "DependencyNotReady" || u == nil {
			return false
		}
		ready := statusOf(u).ready()
		return ready.Reason != e.Reason || ready.Message != e.Message
	})
}
