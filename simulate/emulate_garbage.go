package simulate

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

const (
	claimFinalizer = "kubernetes.io/pvc-protection"
)

// collect deletes objects whose owners are all gone, and lets claims go that
// no workload uses.
func (r *replay) collect(ctx context.Context) error {
	if err := r.releaseClaims(ctx); err != nil {
		return err
	}
	if !r.owned || r.deletions == r.collected {
		return nil
	}
	r.collected = r.deletions
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
		kept := false
		for _, o := range refs {
			kept = kept || exists[o.UID]
		}
		if !kept {
			if err := cl.Delete(ctx, u.DeepCopy(), client.PropagationPolicy("Background")); client.IgnoreNotFound(err) != nil {
				r.note("%s is not collected: %v", render.RefOf(u), err)
			}
			r.deletions++
		}
	}
	return nil
}

// releaseClaims lets go of claims that are being deleted and that no workload
// of their namespace mounts.
func (r *replay) releaseClaims(ctx context.Context) error {
	for _, u := range r.cluster.list(ctx, schema.GroupKind{Kind: "PersistentVolumeClaim"}) {
		if u.GetDeletionTimestamp() == nil || !slices.Contains(u.GetFinalizers(), claimFinalizer) || r.mounted(ctx, u) {
			continue
		}
		c := u.DeepCopy()
		c.SetFinalizers(slices.DeleteFunc(c.GetFinalizers(), func(f string) bool { return f == claimFinalizer }))
		if err := r.cluster.plain.Patch(ctx, c, client.MergeFrom(u)); client.IgnoreNotFound(err) != nil {
			r.note("%s does not go: %v", render.RefOf(u), err)
			continue
		}
		r.clock++
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
