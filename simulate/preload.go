package simulate

import (
	"bytes"
	"context"
	"fmt"
	"slices"

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
// did not say who manages them: the base revision tells.
func (r *replay) claim(ctx context.Context) error {
	for _, ref := range sortedRefs(r.unclaimed) {
		live := r.cluster.read(ctx, ref)
		if live == nil || !disclaim(live) {
			continue
		}
		if err := r.cluster.plain.Update(ctx, live, client.FieldOwner(restoring)); client.IgnoreNotFound(err) != nil {
			r.note("who manages the fields of the live object %s is not known: %v", render.RefOf(live), err)
		}
	}
	clear(r.unclaimed)
	return r.alive(ctx)
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
	entries[i].FieldsV1 = &metav1.FieldsV1{Raw: data}
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
