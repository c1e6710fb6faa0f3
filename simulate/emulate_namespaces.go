package simulate

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// defaultAccounts makes the default service account of each namespace.
func (r *replay) defaultAccounts(ctx context.Context) error {
	have := map[string]bool{}
	for _, u := range r.cluster.survey(ctx, schema.GroupKind{Kind: "ServiceAccount"}) {
		if u.GetName() == "default" {
			have[u.GetNamespace()] = true
		}
	}
	for _, ns := range r.cluster.survey(ctx, namespaceKind) {
		if have[ns.GetName()] || ns.GetDeletionTimestamp() != nil {
			continue
		}
		u := made("v1", "ServiceAccount", ns.GetName(), "default")
		if err := r.cluster.plain.Create(ctx, u, client.FieldOwner("kube-controller-manager")); err != nil && r.recorder.gone() != nil {
			return fmt.Errorf("create %s: %w", render.RefOf(u), err)
		}
		r.clock++
	}
	return nil
}

// endNamespaces empties namespaces that are being deleted and lets them go.
// Objects whose controllers still have to finish with them hold a namespace up.
func (r *replay) endNamespaces(ctx context.Context) error {
	staying := func(ns *unstructured.Unstructured) bool { return ns.GetDeletionTimestamp() == nil }
	if len(slices.DeleteFunc(r.cluster.list(ctx, namespaceKind), staying)) == 0 {
		return nil
	}
	if err := r.beginFirst(ctx); err != nil {
		return err
	}
	for _, ns := range slices.DeleteFunc(r.cluster.list(ctx, namespaceKind), staying) {
		left, err := r.empty(ctx, ns)
		if err != nil {
			return err
		}
		if left > 0 {
			continue
		}
		if err := r.endNamespace(ctx, ns); err != nil {
			return err
		}
	}
	return nil
}

// beginFirst lets the controllers begin with the Flux objects that are being
// deleted, before what they need goes with a namespace: they do so at once, and
// the namespace controller only after five seconds.
func (r *replay) beginFirst(ctx context.Context) error {
	defer r.aside()()
	return r.finalizeAll(ctx)
}

// empty deletes what a namespace holds and returns how many objects stay.
func (r *replay) empty(ctx context.Context, ns *unstructured.Unstructured) (int, error) {
	cl, err := r.cluster.as("")
	if err != nil {
		return 0, err
	}
	if actor, ok := r.ending[ns.GetName()]; ok {
		r.recorder.act(actor)
	}
	left := 0
	for _, k := range r.cluster.kinds() {
		if !k.namespaced {
			continue
		}
		for _, u := range r.cluster.listIn(ctx, k.gvk, ns.GetName()) {
			if u.GetDeletionTimestamp() == nil {
				if err := cl.Delete(ctx, u.DeepCopy(), client.PropagationPolicy("Background"), client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
					r.note("namespace %q does not end: %v", ns.GetName(), err)
				}
			}
			if r.cluster.read(ctx, render.RefOf(u)) != nil {
				left++
			}
		}
	}
	return left, nil
}

func (r *replay) endNamespace(ctx context.Context, ns *unstructured.Unstructured) error {
	done := ns.DeepCopy()
	unstructured.RemoveNestedField(done.Object, "spec", "finalizers")
	if err := r.cluster.plain.SubResource("finalize").Update(ctx, done); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("end namespace %q: %w", ns.GetName(), err)
	}
	delete(r.ending, ns.GetName())
	r.clock++
	return nil
}

// noteEnding remembers on whose behalf a namespace is deleted.
func (r *replay) noteEnding(actor, ref finding.Ref) {
	if ref.Kind == namespaceKind.Kind && ref.Group == "" {
		r.ending[ref.Name] = actor
	}
}
