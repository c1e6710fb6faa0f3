package simulate

import (
	"context"
	"slices"

	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// repetition is an object that its owner applies once more, on trial, at the end
// of a step.
type repetition struct {
	owner    *subject
	original *render.Object
	sent     *unstructured.Unstructured
	upgrade  bool // at the next upgrade of a release, not before
	answer   *unstructured.Unstructured
	err      error
}

// later adds what the server says to objects that it has taken in the step, or has
// had all along, when their owner applies them again: what decides about them
// came in the step, and maybe after them.
func (r *replay) later(ctx context.Context, s *facts.Step) {
	doubts := doubtsOf(r.step.observed)
	doubts.resource = func(ref finding.Ref) (string, bool) {
		m, err := r.cluster.mapping(groupKind(ref))
		if err != nil {
			return "", false
		}
		return m.Resource.Resource, true
	}
	if doubts.none() || r.enforce(ctx) != nil {
		return
	}
	mutates := slices.ContainsFunc(r.step.observed, func(o facts.Object) bool {
		kind, policy := isPolicy(o.Ref)
		return policy && kind != policies[0] && o.Action != diff.Unchanged
	})
	for _, owner := range r.subjects(ctx, r.ownerKinds()...) {
		var list []repetition
		switch {
		case owner.mem.phase != phaseDone || owner.suspended() || owner.deleting() || owner.remote():
		case groupKind(owner.ref) == helmReleaseKind:
			list = r.releaseAgain(ctx, owner, doubts)
		default:
			list = r.applyAgain(ctx, owner, doubts)
		}
		for _, t := range list {
			switch {
			case r.alive(ctx) != nil:
			case t.err != nil:
				s.Later = append(s.Later, r.laterNotice(t))
			case mutates:
				s.Altered = append(s.Altered, r.alteration(ctx, t)...)
			}
		}
	}
}

// applyAgain applies the doubtful objects of an owner once more.
func (r *replay) applyAgain(ctx context.Context, s *subject, doubts doubts) []repetition {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return nil
	}
	m, err := r.applier(ctx, k)
	if err != nil {
		return nil
	}
	a := &attempt{subject: s, k: k}
	doubts = doubts.of(r.userOf(k))
	for _, ref := range sortedRefs(s.mem.rendered) {
		if doubts.about(ref) {
			a.result.Applies = append(a.result.Applies, s.mem.rendered[ref])
		}
	}
	objects, err := r.prepare(m, a)
	if err != nil {
		return nil
	}
	opts := r.applyOptions(k)
	var list []repetition
	for _, u := range objects {
		if !r.untouched(ctx, u, opts) {
			list = append(list, repetition{owner: s, original: a.original(u), sent: u})
		}
	}
	rehearseAgain(ctx, m.Client(), list, authorityOf(groupKind(s.ref)).manager)
	return list
}

// rehearseAgain applies objects on trial, several at a time.
func rehearseAgain(ctx context.Context, c client.Client, list []repetition, manager string) {
	var group errgroup.Group
	group.SetLimit(restorers)
	for i := range list {
		t := &list[i]
		t.answer = t.sent.DeepCopy()
		group.Go(func() error {
			//lint:ignore SA1019 a patch leaves what the server made of the object in it
			t.err = c.Patch(ctx, t.answer, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(manager))
			return nil
		})
	}
	_ = group.Wait()
}

// laterNotice is what the server will say to an object of an owner.
func (r *replay) laterNotice(t repetition) facts.Notice {
	n := r.notice(t.owner.ref, t.original.Ref(), t.err.Error())
	n.Upgrade = t.upgrade
	if e := verdict(t.original, t.err); len(e.Causes) > 0 {
		n.Field = pointerTo(t.original, e.Causes[0].Field)
	}
	return n
}

// alteration is what the server will make of an object that it has, none when
// it stays as it is.
func (r *replay) alteration(ctx context.Context, t repetition) []facts.Alteration {
	ref := t.original.Ref()
	live := r.cluster.read(ctx, ref)
	if live == nil {
		return nil
	}
	before, after := r.uids.stable(live.Object), r.uids.stable(t.answer.Object)
	fields := diff.Objects(before, after, r.hidden[ref]...)
	if len(fields) == 0 {
		return nil
	}
	return []facts.Alteration{{Object: facts.Object{Ref: ref, Owner: t.owner.ref, Action: diff.Update, Before: before, After: after,
		At: func(pointer string) finding.Position { return r.placeOf(t.owner.ref, ref, pointer) }}, Fields: fields, Upgrade: t.upgrade}}
}

// releaseAgain applies the doubtful objects of a release once more. The controller does
// so at its next upgrade, and before only to look for drift; without server-side
// apply, Helm leaves alone what has not changed.
func (r *replay) releaseAgain(ctx context.Context, s *subject, doubts doubts) []repetition {
	user := r.releaseUser(s)
	doubts = doubts.of(user)
	c, err := r.cluster.as(user)
	if err != nil {
		return nil
	}
	mode, _, _ := unstructured.NestedString(s.live.Object, "spec", "driftDetection", "mode")
	seeks := mode == "enabled" || mode == "warn"
	var list []repetition
	for _, ref := range sortedRefs(s.mem.rendered) {
		o := s.mem.rendered[ref]
		if !doubts.about(ref) {
			continue
		}
		live := r.cluster.read(ctx, ref)
		if o.Origin.Hook || live == nil || o.GetAnnotations()[helmReleaseName] == "" {
			continue // hooks and the definitions of a chart are no part of what a release keeps
		}
		drifts := seeks && !ssautils.AnyInMetadata(o.Unstructured, undetected) && !ssautils.AnyInMetadata(live, undetected)
		if drifts || upgradeApplies(s.live, live) {
			list = append(list, repetition{owner: s, original: o, sent: o.Unstructured, upgrade: !drifts})
		}
	}
	rehearseAgain(ctx, c, list, helmController)
	return list
}

const helmReleaseName = "meta.helm.sh/release-name"

// undetected marks objects in which the controller looks for no drift.
var undetected = map[string]string{"helm.toolkit.fluxcd.io/driftDetection": "disabled"}

// upgradeApplies reports whether the upgrade of a release sends an object that
// has not changed, as server-side apply does.
func upgradeApplies(release, live *unstructured.Unstructured) bool {
	mode, _, _ := unstructured.NestedString(release.Object, "spec", "upgrade", "serverSideApply")
	switch mode {
	case "enabled":
		return true
	case "disabled":
		return false
	}
	var applied, updated bool
	for _, m := range live.GetManagedFields() {
		if m.Manager == helmController && m.Subresource == "" {
			applied = applied || m.Operation == metav1.ManagedFieldsOperationApply
			updated = updated || m.Operation == metav1.ManagedFieldsOperationUpdate
		}
	}
	return applied || !updated
}

// untouched reports whether an owner does not apply an object that is there.
func (r *replay) untouched(ctx context.Context, u *unstructured.Unstructured, opts ssa.ApplyOptions) bool {
	live := r.cluster.read(ctx, render.RefOf(u))
	if live == nil {
		return ssautils.AnyInMetadata(u, opts.ExclusionSelector)
	}
	return ssautils.AnyInMetadata(u, opts.ExclusionSelector) || ssautils.AnyInMetadata(live, opts.ExclusionSelector) ||
		ssautils.AnyInMetadata(u, opts.IfNotPresentSelector)
}
