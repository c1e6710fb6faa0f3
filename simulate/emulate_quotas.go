package simulate

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	quotas "k8s.io/apiserver/pkg/quota/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

var quotaKind = schema.GroupKind{Kind: "ResourceQuota"}

// counted are the objects of which a quota counts nothing but their number,
// under a name of its own.
var counted = map[string]string{
	"configmaps": "ConfigMap", "replicationcontrollers": "ReplicationController", "resourcequotas": "ResourceQuota", "secrets": "Secret",
}

// quotas puts the limits of each quota into force, as the controller of a
// cluster does, with what is used by the objects that are here. The pods of
// workloads are not among them: a fact says what these ask for.
func (r *replay) quotas(ctx context.Context) error {
	changed := ""
	for _, u := range r.cluster.list(ctx, quotaKind) {
		hard, _, _ := unstructured.NestedMap(u.Object, "spec", "hard")
		used, sum := map[string]any{}, r.used(ctx, u)
		for name := range hard {
			q := sum[corev1.ResourceName(name)]
			used[name] = q.String()
		}
		want := map[string]any{"hard": hard, "used": used}
		have, _, _ := unstructured.NestedMap(u.Object, "status")
		if equality.Semantic.DeepEqual(have, want) {
			continue
		}
		full := u.DeepCopy()
		full.Object["status"] = want
		err := r.cluster.plain.Status().Patch(ctx, full, client.MergeFrom(u), client.FieldOwner("kube-controller-manager"))
		if client.IgnoreNotFound(err) != nil {
			if r.recorder.gone() != nil {
				return fmt.Errorf("put %s into force: %w", render.RefOf(u), err)
			}
			r.note("%s is not in force: %v", render.RefOf(u), err)
			continue
		}
		if u.GetDeletionTimestamp() == nil {
			changed = u.GetNamespace()
		}
	}
	if changed == "" {
		return nil
	}
	return r.quotasSeen(ctx, changed)
}

// quotasSeen waits until the admission of the API server knows all quotas that
// were written before: it learns of them in order, so one more quota that
// forbids something harmless tells.
func (r *replay) quotasSeen(ctx context.Context, namespace string) error {
	const counted = "count/leases.coordination.k8s.io"
	r.probes++
	name := fmt.Sprintf("%s-%d", probe, r.probes)
	none := map[string]any{counted: "0"}
	q := made("v1", quotaKind.Kind, namespace, name)
	q.Object["spec"] = map[string]any{"hard": none}
	if err := r.cluster.plain.Create(ctx, q, client.FieldOwner("flux-rehearse")); err != nil {
		return r.alive(ctx) // the namespace is going
	}
	defer func() { _ = r.cluster.plain.Delete(context.WithoutCancel(ctx), q) }()
	q.Object["status"] = map[string]any{"hard": none, "used": none}
	if err := r.cluster.plain.Status().Update(ctx, q, client.FieldOwner("flux-rehearse")); err != nil {
		return r.alive(ctx)
	}
	err := wait.PollUntilContextTimeout(ctx, pollInterval, stageTimeout, true, func(ctx context.Context) (bool, error) {
		lease := made("coordination.k8s.io/v1", "Lease", namespace, name)
		err := r.cluster.plain.Create(ctx, lease, client.DryRunAll)
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), name), r.alive(ctx)
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		r.note("the quotas of namespace %q are not in force", namespace)
		return nil
	}
	return err
}

// used is how much of what a quota limits the objects of its namespace take.
func (r *replay) used(ctx context.Context, quota *unstructured.Unstructured) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, kind := range []string{"PersistentVolumeClaim", "Pod", "Service"} {
		for _, u := range r.within(ctx, schema.GroupKind{Kind: kind}, quota.GetNamespace()) {
			if !r.stemsFromWorkload(ctx, u) {
				sum = quotas.Add(sum, r.takes(quota, u))
			}
		}
	}
	if scoped(quota) {
		return sum
	}
	hard, _, _ := unstructured.NestedMap(quota.Object, "spec", "hard")
	for name := range hard {
		if gk, ok := r.numbered(name); ok {
			sum[corev1.ResourceName(name)] = *resource.NewQuantity(int64(len(r.within(ctx, gk, quota.GetNamespace()))), resource.DecimalSI)
		}
	}
	return sum
}

// takes is what an object takes of what a quota limits.
func (r *replay) takes(quota, u *unstructured.Unstructured) corev1.ResourceList {
	if r.opts.Usage == nil {
		return nil
	}
	return r.opts.Usage(quota, u)
}

// scoped reports whether a quota counts some pods and claims only.
func scoped(quota *unstructured.Unstructured) bool {
	_, selector, _ := unstructured.NestedFieldNoCopy(quota.Object, "spec", "scopeSelector")
	_, scopes, _ := unstructured.NestedFieldNoCopy(quota.Object, "spec", "scopes")
	return selector || scopes
}

// numbered is the kind of the objects that a quota counts by their number alone.
func (r *replay) numbered(name string) (schema.GroupKind, bool) {
	if kind, ok := counted[name]; ok {
		return schema.GroupKind{Kind: kind}, true
	}
	rest, ok := strings.CutPrefix(name, "count/")
	plural, group, _ := strings.Cut(rest, ".")
	if !ok || group == "" && plural == "pods" {
		return schema.GroupKind{}, false
	}
	gvk, err := r.cluster.mapper.KindFor(schema.GroupVersionResource{Group: group, Resource: plural})
	return gvk.GroupKind(), err == nil
}

func (r *replay) within(ctx context.Context, gk schema.GroupKind, namespace string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, u := range r.cluster.list(ctx, gk) {
		if u.GetNamespace() == namespace {
			out = append(out, u)
		}
	}
	return out
}
