package simulate

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

const claimFinalizer = "kubernetes.io/pvc-protection"

// collect deletes objects whose owners are all gone, ends deletions that wait for
// what the object owns, and lets go of pods and of claims that no workload uses.
func (r *replay) collect(ctx context.Context) error {
	if err := r.releaseClaims(ctx); err != nil {
		return err
	}
	for range generations {
		r.releasePods(ctx)
		if !r.owned && !r.blocking || r.deletions == r.collected {
			break
		}
		r.collected = r.deletions
		if err := r.collectOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// generations bounds how deep objects own each other.
const generations = 20

func (r *replay) collectOnce(ctx context.Context) error {
	cl, err := r.cluster.as("")
	if err != nil {
		return err
	}
	all := r.everything(ctx)
	exists := map[types.UID]bool{}
	for _, u := range all {
		exists[u.GetUID()] = true
	}
	for _, u := range all {
		refs := u.GetOwnerReferences()
		if len(refs) == 0 || u.GetDeletionTimestamp() != nil {
			continue
		}
		if slices.ContainsFunc(refs, func(o metav1.OwnerReference) bool { return exists[o.UID] }) {
			continue
		}
		if err := cl.Delete(ctx, u.DeepCopy(), client.PropagationPolicy("Background")); client.IgnoreNotFound(err) != nil {
			r.note("%s is not collected: %v", render.RefOf(u), err)
		}
		r.deletions++
	}
	for _, u := range all {
		if u.GetDeletionTimestamp() != nil {
			r.endDeletion(ctx, cl, u, all)
		}
	}
	return nil
}

// waitsForOwned reports whether the deletion of an object waits for what it owns.
func waitsForOwned(obj map[string]any) bool {
	finalizers := (&unstructured.Unstructured{Object: obj}).GetFinalizers()
	return slices.Contains(finalizers, metav1.FinalizerDeleteDependents) || slices.Contains(finalizers, metav1.FinalizerOrphanDependents)
}

// endDeletion does what the deletion of an object waits for: in the foreground,
// that what it owns goes before; else that what it owns forgets it.
func (r *replay) endDeletion(ctx context.Context, cl client.Client, u *unstructured.Unstructured, all []*unstructured.Unstructured) {
	if !waitsForOwned(u.Object) {
		return
	}
	foreground := slices.Contains(u.GetFinalizers(), metav1.FinalizerDeleteDependents)
	waits := false
	for _, other := range all {
		i := slices.IndexFunc(other.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == u.GetUID() })
		if i < 0 {
			continue
		}
		var err error
		if foreground {
			err = cl.Delete(ctx, other.DeepCopy(), client.PropagationPolicy("Foreground"))
			block := other.GetOwnerReferences()[i].BlockOwnerDeletion
			waits = waits || block != nil && *block && r.cluster.read(ctx, render.RefOf(other)) != nil
			r.deletions++
		} else {
			c := other.DeepCopy()
			c.SetOwnerReferences(slices.Delete(c.GetOwnerReferences(), i, i+1))
			err = r.cluster.plain.Patch(ctx, c, client.MergeFrom(other))
		}
		if client.IgnoreNotFound(err) != nil {
			r.note("%s is not collected: %v", render.RefOf(other), err)
		}
	}
	if !waits {
		r.letGoOf(ctx, u, metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents)
		r.deletions++
	}
}

// letGoOf removes finalizers from an object that is being deleted.
func (r *replay) letGoOf(ctx context.Context, u *unstructured.Unstructured, finalizers ...string) {
	c := u.DeepCopy()
	c.SetFinalizers(slices.DeleteFunc(c.GetFinalizers(), func(f string) bool { return slices.Contains(finalizers, f) }))
	if err := r.cluster.plain.Patch(ctx, c, client.MergeFrom(u)); client.IgnoreNotFound(err) != nil {
		r.note("%s does not go: %v", render.RefOf(u), err)
		return
	}
	r.clock++
}

// releasePods ends the pods that are being deleted: no node does here.
func (r *replay) releasePods(ctx context.Context) {
	for _, u := range r.cluster.list(ctx, podKind) {
		if u.GetDeletionTimestamp() == nil || u.GetDeletionGracePeriodSeconds() == nil || *u.GetDeletionGracePeriodSeconds() == 0 {
			continue
		}
		if err := r.cluster.plain.Delete(ctx, u, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			r.note("%s does not go: %v", render.RefOf(u), err)
			continue
		}
		r.deletions++
		r.clock++
	}
}

// releaseClaims lets go of claims that are being deleted and that no workload
// of their namespace mounts.
func (r *replay) releaseClaims(ctx context.Context) error {
	for _, u := range r.cluster.list(ctx, schema.GroupKind{Kind: "PersistentVolumeClaim"}) {
		if u.GetDeletionTimestamp() == nil || !slices.Contains(u.GetFinalizers(), claimFinalizer) || r.mounted(ctx, u) {
			continue
		}
		r.letGoOf(ctx, u, claimFinalizer)
	}
	return nil
}

// podTemplates says where the kinds that run Pods keep their Pod.
var podTemplates = []struct {
	schema.GroupKind
	path []string
}{
	{schema.GroupKind{Kind: "Pod"}, []string{"spec"}},
	{schema.GroupKind{Group: "apps", Kind: "Deployment"}, []string{"spec", "template", "spec"}},
	{schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, []string{"spec", "template", "spec"}},
	{schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, []string{"spec", "template", "spec"}},
	{schema.GroupKind{Group: "batch", Kind: "Job"}, []string{"spec", "template", "spec"}},
}

func (r *replay) mounted(ctx context.Context, claim *unstructured.Unstructured) bool {
	for _, t := range podTemplates {
		for _, u := range r.cluster.list(ctx, t.GroupKind) {
			if u.GetNamespace() != claim.GetNamespace() {
				continue
			}
			volumes, _, _ := unstructured.NestedSlice(u.Object, append(slices.Clone(t.path), "volumes")...)
			for _, v := range volumes {
				m, _ := v.(map[string]any)
				if name, _, _ := unstructured.NestedString(m, "persistentVolumeClaim", "claimName"); name == claim.GetName() {
					return true
				}
			}
		}
	}
	return false
}
