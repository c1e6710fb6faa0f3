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
	"github.com/flux-rehearse/flux-rehearse/render"
)

// refusedLater are the objects that the server has taken in the step, or has had
// all along, and refuses when their owner applies them again: what decides about
// them came in the step, and maybe after them.
func (r *replay) refusedLater(ctx context.Context) []facts.Notice {
	if !slices.ContainsFunc(r.step.observed, tightens) || r.enforce(ctx) != nil {
		return nil
	}
	var out []facts.Notice
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		switch {
		case s.mem.phase != phaseDone || s.suspended() || s.deleting() || s.remote():
		case groupKind(s.ref) == helmReleaseKind:
			out = append(out, r.releaseRefused(ctx, s)...)
		default:
			out = append(out, r.againRefused(ctx, s)...)
		}
	}
	return out
}

// tightens reports whether a change may make the server refuse what it has taken.
func tightens(o facts.Object) bool {
	if o.Action == diff.Unchanged {
		return false
	}
	_, policy := isPolicy(o.Ref)
	rights := o.Ref.Group == "rbac.authorization.k8s.io" && o.Before != nil
	return policy || rights || groupKind(o.Ref) == crdKind && o.Before != nil
}

// againRefused applies the objects of an owner once more, on trial.
func (r *replay) againRefused(ctx context.Context, s *subject) []facts.Notice {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return nil
	}
	m, err := r.applier(ctx, k)
	if err != nil {
		return nil
	}
	a := &attempt{subject: s, k: k}
	for _, ref := range sortedRefs(s.mem.rendered) {
		a.result.Applies = append(a.result.Applies, s.mem.rendered[ref])
	}
	objects, err := r.prepare(m, a)
	if err != nil {
		return nil
	}
	opts := r.applyOptions(k)
	objects = slices.DeleteFunc(objects, func(u *unstructured.Unstructured) bool { return r.untouched(ctx, u, opts) })
	said := refusals(ctx, m.Client(), objects, authorityOf(groupKind(s.ref)).manager)
	var out []facts.Notice
	for i, u := range objects {
		if said[i] != nil {
			out = append(out, r.laterNotice(s, a.original(u), said[i]))
		}
	}
	return out
}

// refusals are why the server refuses objects that are applied on trial, by index.
func refusals(ctx context.Context, c client.Client, objects []*unstructured.Unstructured, manager string) []error {
	said := make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(restorers)
	for i, u := range objects {
		group.Go(func() error {
			//lint:ignore SA1019 a patch leaves what the server made of the object in it
			said[i] = c.Patch(ctx, u.DeepCopy(), client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(manager))
			return nil
		})
	}
	_ = group.Wait()
	return said
}

// laterNotice is what the server will say to an object of an owner.
func (r *replay) laterNotice(s *subject, o *render.Object, err error) facts.Notice {
	n := r.notice(s.ref, o.Ref(), err.Error())
	if e := verdict(o, err); len(e.Causes) > 0 {
		n.Field = pointerTo(o, e.Causes[0].Field)
	}
	return n
}

// releaseRefused applies the objects of a release on trial. The controller does
// so at its next upgrade, and before only to look for drift; without server-side
// apply, Helm leaves alone what has not changed.
func (r *replay) releaseRefused(ctx context.Context, s *subject) []facts.Notice {
	c, err := r.cluster.as(r.releaseUser(s))
	if err != nil {
		return nil
	}
	mode, _, _ := unstructured.NestedString(s.live.Object, "spec", "driftDetection", "mode")
	seeks := mode == "enabled" || mode == "warn"
	var originals []*render.Object
	var objects []*unstructured.Unstructured
	var soon []bool
	for _, ref := range sortedRefs(s.mem.rendered) {
		o := s.mem.rendered[ref]
		live := r.cluster.read(ctx, ref)
		if o.Origin.Hook || live == nil || o.GetAnnotations()[helmReleaseName] == "" {
			continue // hooks and the definitions of a chart are no part of what a release keeps
		}
		drifts := seeks && !ssautils.AnyInMetadata(o.Unstructured, undetected) && !ssautils.AnyInMetadata(live, undetected)
		if drifts || upgradeApplies(s.live, live) {
			originals, objects, soon = append(originals, o), append(objects, o.Unstructured), append(soon, drifts)
		}
	}
	var out []facts.Notice
	for i, err := range refusals(ctx, c, objects, helmController) {
		if err != nil && r.alive(ctx) == nil {
			n := r.laterNotice(s, originals[i], err)
			n.Upgrade = !soon[i]
			out = append(out, n)
		}
	}
	return out
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
