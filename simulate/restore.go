package simulate

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// restorer brings objects that were read from a running cluster into this one:
// with their status, their field managers and their owners.
type restorer struct {
	*replay
	uids map[types.UID]types.UID // as read to as here
}

// dumped reports whether an object was read from a cluster.
func dumped(u *unstructured.Unstructured) bool { return u.GetUID() != "" }

// transient kinds say nothing that lasts, or are made anew by the server.
var transient = []string{"Event", "Lease", "ComponentStatus", "Node", "EndpointSlice", "Endpoints", "PodMetrics", "NodeMetrics"}

// restore makes the objects of a dump, owners before what they own.
func (r *replay) restore(ctx context.Context, dump []*unstructured.Unstructured) error {
	rest := restorer{replay: r, uids: map[types.UID]types.UID{}}
	list := slices.Clone(dump)
	list = slices.DeleteFunc(list, func(u *unstructured.Unstructured) bool { return slices.Contains(transient, u.GetKind()) })
	sort.SliceStable(list, func(i, j int) bool {
		return ssa.SortableUnstructureds{list[i], list[j]}.Less(0, 1)
	})
	if err := rest.namespaces(ctx, list); err != nil {
		return err
	}
	for len(list) > 0 {
		var later []*unstructured.Unstructured
		for _, u := range list {
			if rest.waits(u, list) {
				later = append(later, u)
				continue
			}
			rest.object(ctx, u)
			if err := r.alive(ctx); err != nil {
				return err
			}
		}
		if len(later) == len(list) { // owners that own each other
			rest.uids[later[0].GetUID()] = ""
			for _, u := range later {
				u.SetOwnerReferences(nil)
			}
		}
		list = later
	}
	return nil
}

// namespaces makes those that the objects of a dump lie in and that it lacks.
func (r restorer) namespaces(ctx context.Context, list []*unstructured.Unstructured) error {
	have := map[string]bool{}
	for _, u := range r.cluster.list(ctx, namespaceKind) {
		have[u.GetName()] = true
	}
	for _, u := range list {
		if u.GetKind() == namespaceKind.Kind {
			have[u.GetName()] = true
		}
	}
	for _, u := range list {
		ns := u.GetNamespace()
		if ns == "" || have[ns] {
			continue
		}
		have[ns] = true
		if err := r.put(ctx, made("v1", namespaceKind.Kind, "", ns), "kubectl"); err != nil {
			return err
		}
	}
	return nil
}

// waits reports whether an owner of the object is still to come.
func (r restorer) waits(u *unstructured.Unstructured, list []*unstructured.Unstructured) bool {
	for _, o := range u.GetOwnerReferences() {
		if _, known := r.uids[o.UID]; known {
			continue
		}
		for _, other := range list {
			if other.GetUID() == o.UID && other != u {
				return true
			}
		}
	}
	return false
}

// object makes one object. What the server refuses becomes a note.
func (r restorer) object(ctx context.Context, u *unstructured.Unstructured) {
	ref := render.RefOf(u)
	r.uids[u.GetUID()] = ""
	if u.GetDeletionTimestamp() != nil {
		r.note("%s is being deleted in the live cluster and is left out", ref)
		return
	}
	live, err := r.create(ctx, u)
	if err != nil {
		r.note("the live object %s is left out: %v", ref, err)
		return
	}
	r.uids[u.GetUID()] = live.GetUID()
	if err := r.own(ctx, live, u); err != nil {
		r.note("the field managers of the live object %s are left out: %v", ref, err)
	}
	if err := r.status(ctx, live, u); err != nil {
		r.note("the status of the live object %s is left out: %v", ref, err)
	}
	r.clock++
	r.placed++
	r.owned = r.owned || len(live.GetOwnerReferences()) > 0
	r.applied[ref] = &render.Object{Unstructured: u, Origin: render.Origin{Outside: true}}
	if kind, ok := isPolicy(ref); ok {
		r.unenforced[kind] = true
	}
	if u.GetKind() == crdKind.Kind {
		if err := r.establish(ctx); err != nil {
			r.note("%s is not served: %v", ref, err)
		}
	}
}

// create makes an object anew, or makes what the cluster has already equal to it.
func (r restorer) create(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c := r.bare(u)
	err := r.cluster.plain.Create(ctx, c, client.FieldOwner("flux-rehearse"))
	if apierrors.IsInvalid(err) && c.GetKind() == "Service" {
		// Another range of addresses than that of the live cluster.
		c = r.bare(u)
		for _, field := range []string{"clusterIP", "clusterIPs"} {
			unstructured.RemoveNestedField(c.Object, "spec", field)
		}
		err = r.cluster.plain.Create(ctx, c, client.FieldOwner("flux-rehearse"))
	}
	if !apierrors.IsAlreadyExists(err) {
		return c, err
	}
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(u.GroupVersionKind())
	if err := r.cluster.plain.Get(ctx, client.ObjectKeyFromObject(u), have); err != nil {
		return nil, err
	}
	c = r.bare(u)
	c.SetResourceVersion(have.GetResourceVersion())
	c.SetUID(have.GetUID())
	return c, r.cluster.plain.Update(ctx, c, client.FieldOwner("flux-rehearse"))
}

// bare is an object without what another server has set, its owners named as here.
func (r restorer) bare(u *unstructured.Unstructured) *unstructured.Unstructured {
	c := u.DeepCopy()
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	c.SetUID("")
	for _, field := range []string{"creationTimestamp", "generation", "selfLink"} {
		unstructured.RemoveNestedField(c.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(c.Object, "status")
	var owners []metav1.OwnerReference
	for _, o := range u.GetOwnerReferences() {
		if here := r.uids[o.UID]; here != "" {
			o.UID = here
			owners = append(owners, o)
		}
	}
	c.SetOwnerReferences(owners)
	return c
}

// own gives the fields of an object to those who manage them in the live cluster.
func (r restorer) own(ctx context.Context, live, u *unstructured.Unstructured) error {
	managers := slices.DeleteFunc(u.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Subresource != "" })
	if len(managers) == 0 {
		return nil
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live.SetManagedFields(managers)
		err := r.cluster.plain.Update(ctx, live, client.FieldOwner("flux-rehearse"))
		if apierrors.IsConflict(err) { // the server itself writes to some kinds
			if err := r.cluster.plain.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
		}
		return err
	})
}

// status gives an object the status that it has in the live cluster. The
// generation that it speaks of is counted anew here.
func (r restorer) status(ctx context.Context, live, u *unstructured.Unstructured) error {
	fields, ok, _ := unstructured.NestedMap(u.Object, "status")
	if !ok || len(fields) == 0 || u.GetKind() == crdKind.Kind { // that of a CRD is the server's own
		return nil
	}
	c := live.DeepCopy()
	c.Object["status"] = observed(fields, u.GetGeneration(), live.GetGeneration())
	err := r.cluster.plain.Status().Update(ctx, c, client.FieldOwner(statusManager(render.RefOf(u))))
	if apierrors.IsNotFound(err) { // the kind has no status of its own
		return nil
	}
	return err
}

func statusManager(ref finding.Ref) string {
	if k, ok := kindOf(ref); ok && k.statusManager != "" {
		return k.statusManager
	}
	return "kube-controller-manager"
}

// observed is a status whose observed generations are those of this cluster:
// the present one where the live object was up to date, else an older one.
func observed(status map[string]any, was, is int64) map[string]any {
	out := map[string]any{}
	for k, v := range status {
		switch v := v.(type) {
		case map[string]any:
			out[k] = observed(v, was, is)
		case []any:
			out[k] = observedItems(v, was, is)
		case int64:
			out[k] = v
			if k == "observedGeneration" {
				out[k] = is
				if v != was {
					out[k] = is - 1
				}
			}
		default:
			out[k] = v
		}
	}
	return out
}

func observedItems(items []any, was, is int64) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
		if m, ok := item.(map[string]any); ok {
			out[i] = observed(m, was, is)
		}
	}
	return out
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

// preload puts the objects that the cluster holds besides into it.
func (r *replay) preload(ctx context.Context) error {
	dump, others := split(r.opts.Live)
	if err := r.restore(ctx, dump); err != nil {
		return fmt.Errorf("restore the live cluster: %w", err)
	}
	r.edit(ctx, edits(others))
	return nil
}
