package simulate

import (
	"context"
	"slices"

	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"golang.org/x/sync/errgroup"
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
		if groupKind(s.ref) == helmReleaseKind || s.mem.phase != phaseDone || s.suspended() || s.deleting() || s.remote() {
			continue
		}
		out = append(out, r.againRefused(ctx, s)...)
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
	by := authorityOf(groupKind(s.ref)).manager
	said := make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(restorers)
	for i, u := range objects {
		if r.untouched(ctx, u, opts) {
			continue
		}
		group.Go(func() error {
			//lint:ignore SA1019 a patch leaves what the server made of the object in it
			said[i] = m.Client().Patch(ctx, u.DeepCopy(), client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(by))
			return nil
		})
	}
	_ = group.Wait()
	var out []facts.Notice
	for i, err := range said {
		if err == nil || r.alive(ctx) != nil {
			continue
		}
		u := objects[i]
		n := r.notice(s.ref, render.RefOf(u), err.Error())
		if e := verdict(a.original(u), err); len(e.Causes) > 0 {
			n.Field = pointerTo(a.original(u), e.Causes[0].Field)
		}
		out = append(out, n)
	}
	return out
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
