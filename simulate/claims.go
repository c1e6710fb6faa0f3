package simulate

import (
	"context"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// claims asks the server what each of several owners of one object makes of it
// whenever it applies it.
func (r *replay) claims(ctx context.Context, owners []facts.Owner) {
	count := map[finding.Ref]int{}
	for _, o := range owners {
		for ref := range o.Rendered {
			count[ref]++
		}
	}
	for i := range owners {
		for _, ref := range sortedRefs(owners[i].Rendered) {
			if count[ref] < 2 {
				continue
			}
			if made := r.made(ctx, owners[i].Ref, ref); made != nil {
				if owners[i].Made == nil {
					owners[i].Made = map[finding.Ref]map[string]any{}
				}
				owners[i].Made[ref] = made
			}
		}
	}
}

// made is an object as the server holds it when an owner has just applied it,
// nil when the server refuses that.
func (r *replay) made(ctx context.Context, owner, ref finding.Ref) map[string]any {
	live, o := r.cluster.read(ctx, ref), r.memory[owner].rendered[ref]
	if live == nil || o == nil {
		return nil
	}
	if r.leftAlone(owner, live, o.Unstructured) {
		return r.uids.stable(live.Object)
	}
	cl, objects, err := r.prepared(ctx, owner, []*render.Object{o})
	if err != nil || len(objects) != 1 {
		return nil
	}
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if cl.Patch(ctx, objects[0], client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(managerOf(owner))) != nil {
		return nil
	}
	return r.uids.stable(objects[0].Object)
}

// leftAlone reports whether annotations keep an owner from an object that exists.
func (r *replay) leftAlone(owner finding.Ref, live, desired *unstructured.Unstructured) bool {
	if groupKind(owner) == helmReleaseKind {
		return false
	}
	key := authorityOf(groupKind(owner)).annotations
	off := map[string]string{key + "/reconcile": kustomizev1.DisabledValue, key + "/ssa": kustomizev1.IgnoreValue}
	return ssautils.AnyInMetadata(live, off) || ssautils.AnyInMetadata(desired, off) ||
		ssautils.AnyInMetadata(desired, map[string]string{key + "/ssa": kustomizev1.IfNotPresentValue})
}

// managerOf is the field manager of what an owner applies.
func managerOf(owner finding.Ref) string {
	if groupKind(owner) == helmReleaseKind {
		return helmController
	}
	return authorityOf(groupKind(owner)).manager
}

// prepared copies objects as an owner sends them, for the client that it sends
// them with.
func (r *replay) prepared(ctx context.Context, owner finding.Ref, objects []*render.Object) (client.Client, []*unstructured.Unstructured, error) {
	s := &subject{ref: owner, live: r.cluster.read(ctx, owner), mem: r.remember(owner)}
	if s.live == nil {
		return nil, nil, nil
	}
	if groupKind(owner) == helmReleaseKind {
		cl, err := r.cluster.as(r.releaseUser(s))
		var out []*unstructured.Unstructured
		for _, o := range objects {
			out = append(out, o.Unstructured.DeepCopy())
		}
		return cl, out, err
	}
	k, err := kustomizationOf(s.live)
	if err != nil {
		return nil, nil, err
	}
	m, err := r.applier(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	out, err := r.prepare(m, &attempt{subject: s, k: k, result: render.Result{Applies: objects}})
	return m.Client(), out, err
}
