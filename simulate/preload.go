package simulate

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	ssautils "github.com/fluxcd/pkg/ssa/utils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// preload puts the objects that the cluster holds besides into it.
func (r *replay) preload(ctx context.Context) error {
	dump, others := split(r.opts.Live)
	if err := r.restore(ctx, dump); err != nil {
		return fmt.Errorf("restore the live cluster: %w", err)
	}
	if len(r.opts.Steps) == 1 && r.unclaimedByFlux() {
		r.note("the live objects do not say who manages their fields, so fields that the repository has dropped stay: " +
			"read them with kubectl get --show-managed-fields, or name the revision that the cluster runs as base")
	}
	r.edit(ctx, edits(others))
	return nil
}

// split separates the objects that were read from a cluster from the others.
func split(objects []*unstructured.Unstructured) (dump, others []*unstructured.Unstructured) {
	for _, u := range objects {
		if dumped(u) {
			dump = append(dump, u)
			continue
		}
		others = append(others, u)
	}
	return dump, others
}

// unclaimedByFlux reports whether a Flux object applies what nobody is known to manage.
func (r *replay) unclaimedByFlux() bool {
	for ref := range r.unclaimed {
		if _, ok := ownerOf(r.applied[ref].GetLabels()); ok {
			return true
		}
	}
	return false
}

// claim leaves the fields of live objects to whoever applies them, where the dump
// did not say who manages them: the base revision tells. What is as it should be
// was not written, so it is applied here, which changes nothing else.
func (r *replay) claim(ctx context.Context) error {
	if len(r.unclaimed) == 0 {
		return nil
	}
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		for _, u := range r.claimed(ctx, s) {
			manager := helmController
			if groupKind(s.ref) != helmReleaseKind {
				manager = authorityOf(groupKind(s.ref)).manager
			}
			//lint:ignore SA1019 a patch leaves what the server made of the object in it
			if err := r.cluster.plain.Patch(ctx, u, client.Apply, client.ForceOwnership, client.FieldOwner(manager)); err != nil || !disclaim(u) {
				continue
			}
			if err := r.cluster.plain.Update(ctx, u, client.FieldOwner(restoring)); client.IgnoreNotFound(err) != nil {
				r.note("who manages the fields of the live object %s is not known: %v", render.RefOf(u), err)
			}
		}
	}
	clear(r.unclaimed)
	return r.alive(ctx)
}

// claimed are the objects that an owner applies, as it does, of those that nobody
// is known to manage and that are as it wants them.
func (r *replay) claimed(ctx context.Context, s *subject) []*unstructured.Unstructured {
	a := &attempt{subject: s}
	for _, ref := range sortedRefs(s.mem.rendered) {
		if o := s.mem.rendered[ref]; r.unclaimed[ref] && !o.Origin.Hook && s.mem.phase == phaseDone && !s.remote() {
			a.result.Applies = append(a.result.Applies, o)
		}
	}
	if len(a.result.Applies) == 0 {
		return nil
	}
	var out []*unstructured.Unstructured
	if groupKind(s.ref) == helmReleaseKind {
		for _, o := range a.result.Applies {
			out = append(out, o.Unstructured.DeepCopy())
		}
		return out
	}
	var err error
	if a.k, err = kustomizationOf(s.live); err != nil {
		return nil
	}
	m, err := r.applier(ctx, a.k)
	if err != nil {
		return nil
	}
	objects, err := r.prepare(m, a)
	if err != nil {
		return nil
	}
	opts := r.applyOptions(a.k)
	for _, u := range objects {
		if !ssautils.AnyInMetadata(u, opts.ExclusionSelector) && !ssautils.AnyInMetadata(u, opts.IfNotPresentSelector) {
			out = append(out, u)
		}
	}
	return out
}

// disclaim takes what others apply from what the restoration has written. It
// reports whether that is anything.
func disclaim(u *unstructured.Unstructured) bool {
	entries := u.GetManagedFields()
	applied := &fieldpath.Set{}
	for _, m := range entries {
		if set := fieldsOf(m); m.Operation == metav1.ManagedFieldsOperationApply && set != nil {
			applied = applied.Union(set)
		}
	}
	i := slices.IndexFunc(entries, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == restoring && m.Operation == metav1.ManagedFieldsOperationUpdate && m.Subresource == ""
	})
	if i < 0 || applied.Empty() {
		return false
	}
	own := fieldsOf(entries[i])
	if own == nil {
		return false
	}
	data, err := own.Difference(applied).ToJSON()
	if err != nil {
		return false
	}
	entries[i].FieldsV1 = metav1.NewFieldsV1(string(data))
	u.SetManagedFields(entries)
	return true
}

// fieldsOf reads the fields of a manager, nil when it names none.
func fieldsOf(m metav1.ManagedFieldsEntry) *fieldpath.Set {
	if m.FieldsV1 == nil {
		return nil
	}
	set := &fieldpath.Set{}
	if set.FromJSON(bytes.NewReader([]byte(m.FieldsV1.GetRawString()))) != nil {
		return nil
	}
	return set
}
