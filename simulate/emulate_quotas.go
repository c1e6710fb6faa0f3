package simulate

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

var quotaKind = schema.GroupKind{Kind: "ResourceQuota"}

// counted are the objects that a quota counts under a name of its own.
var counted = map[string]string{
	"configmaps": "ConfigMap", "persistentvolumeclaims": "PersistentVolumeClaim", "pods": "Pod",
	"replicationcontrollers": "ReplicationController", "resourcequotas": "ResourceQuota", "secrets": "Secret", "services": "Service",
}

// quotas puts the limits of each quota into force, as the controller of a
// cluster does, with what is used by the objects that are here. Pods do not run
// here: nothing of what they would use is counted.
func (r *replay) quotas(ctx context.Context) error {
	changed := ""
	for _, u := range r.cluster.list(ctx, quotaKind) {
		hard, _, _ := unstructured.NestedMap(u.Object, "spec", "hard")
		_, scoped, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "scopeSelector")
		_, scopes, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "scopes")
		used := map[string]any{}
		for name := range hard {
			used[name] = "0"
			if !scoped && !scopes {
				used[name] = r.used(ctx, u.GetNamespace(), name)
			}
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

// used is how much of a resource the objects of a namespace take.
func (r *replay) used(ctx context.Context, namespace, name string) string {
	kind, plain := counted[name]
	gk := schema.GroupKind{Kind: kind}
	if rest, ok := strings.CutPrefix(name, "count/"); ok {
		plural, group, _ := strings.Cut(rest, ".")
		gvk, err := r.cluster.mapper.KindFor(schema.GroupVersionResource{Group: group, Resource: plural})
		if err != nil {
			return "0"
		}
		gk, plain = gvk.GroupKind(), true
	}
	if plain {
		return fmt.Sprint(len(r.within(ctx, gk, namespace)))
	}
	switch claims := r.within(ctx, schema.GroupKind{Kind: "PersistentVolumeClaim"}, namespace); {
	case name == "services.loadbalancers" || name == "services.nodeports":
		return fmt.Sprint(r.exposed(ctx, namespace, name))
	case strings.Contains(name, ofClass) || name == requestedStorage:
		return claimed(name, claims)
	}
	return "0"
}

// The names by which a quota limits claims: all of them, and those of one class.
const (
	requestedStorage = "requests.storage"
	ofClass          = ".storageclass.storage.k8s.io/"
)

// claimed is how much of a resource some claims take.
func claimed(name string, claims []*unstructured.Unstructured) string {
	class, what, classy := strings.Cut(name, ofClass)
	if !classy {
		what = name
	}
	var sum resource.Quantity
	n := 0
	for _, u := range claims {
		if of, _, _ := unstructured.NestedString(u.Object, "spec", "storageClassName"); classy && of != class {
			continue
		}
		n++
		text, _, _ := unstructured.NestedString(u.Object, "spec", "resources", "requests", "storage")
		if q, err := resource.ParseQuantity(text); err == nil {
			sum.Add(q)
		}
	}
	switch what {
	case requestedStorage:
		return sum.String()
	case "persistentvolumeclaims":
		return fmt.Sprint(n)
	}
	return "0"
}

// exposed counts the Services of a type.
func (r *replay) exposed(ctx context.Context, namespace, name string) int {
	n := 0
	for _, u := range r.within(ctx, schema.GroupKind{Kind: "Service"}, namespace) {
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "type")
		switch {
		case kind == "LoadBalancer" && name == "services.loadbalancers":
			n++
		case (kind == "NodePort" || kind == "LoadBalancer") && name == "services.nodeports":
			ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
			n += len(ports)
		}
	}
	return n
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
