package simulate

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// restored is one object of a dump on its way into the cluster.
type restored struct {
	dumped *unstructured.Unstructured
	live   *unstructured.Unstructured // as made, nil when the server refuses it
	notes  []string
}

func (o *restored) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// make makes the object with its field managers and its status. What the server
// refuses becomes a note.
func (o *restored) make(ctx context.Context, cl client.Client, bare *unstructured.Unstructured) {
	ref := render.RefOf(o.dumped)
	if groupKind(ref).Kind == "Secret" && ref.Group == "" && readable(bare) {
		o.note("%s has values that are not in base64: what differs in them is not what the cluster has", ref)
	}
	live, err := create(ctx, cl, bare)
	if err != nil {
		o.note("the live object %s is left out: %v", ref, err)
		return
	}
	o.live = live
	if err := o.own(ctx, cl); err != nil {
		o.note("the field managers of the live object %s are left out: %v", ref, err)
	}
	if err := o.status(ctx, cl, ref); err != nil {
		o.note("the status of the live object %s is left out: %v", ref, err)
	}
}

// create makes an object anew, or makes what the cluster has already equal to it.
func create(ctx context.Context, cl client.Client, bare *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c := bare.DeepCopy()
	err := cl.Create(ctx, c, client.FieldOwner(restoring))
	for _, drop := range foreign[groupKind(render.RefOf(bare))] {
		if !apierrors.IsInvalid(err) {
			break
		}
		drop(bare)
		c = bare.DeepCopy()
		err = cl.Create(ctx, c, client.FieldOwner(restoring))
	}
	if !apierrors.IsAlreadyExists(err) {
		return c, err
	}
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(bare.GroupVersionKind())
	if err := cl.Get(ctx, client.ObjectKeyFromObject(bare), have); err != nil {
		return nil, err
	}
	c = bare.DeepCopy()
	c.SetResourceVersion(have.GetResourceVersion())
	c.SetUID(have.GetUID())
	return c, cl.Update(ctx, c, client.FieldOwner(restoring))
}

// own gives the fields of an object to those who manage them in the live cluster.
func (o *restored) own(ctx context.Context, cl client.Client) error {
	managers := slices.DeleteFunc(o.dumped.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Subresource != "" })
	if len(managers) == 0 {
		return nil
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		o.live.SetManagedFields(managers)
		err := cl.Update(ctx, o.live, client.FieldOwner(restoring))
		if apierrors.IsConflict(err) { // the server itself writes to some kinds
			if err := cl.Get(ctx, client.ObjectKeyFromObject(o.live), o.live); err != nil {
				return err
			}
		}
		return err
	})
}

// status gives an object the status that it has in the live cluster. The
// generation that it speaks of is counted anew here. That of a CRD is the
// server's own, as is that of a namespace, and that of a Job depends on when it was made.
func (o *restored) status(ctx context.Context, cl client.Client, ref finding.Ref) error {
	fields, ok, _ := unstructured.NestedMap(o.dumped.Object, "status")
	if !ok || len(fields) == 0 || groupKind(ref) == crdKind || groupKind(ref) == jobKind || groupKind(ref) == namespaceKind {
		return nil
	}
	c := o.live.DeepCopy()
	c.Object["status"] = observed(fields, o.dumped.GetGeneration(), o.live.GetGeneration())
	err := cl.Status().Update(ctx, c, client.FieldOwner(statusManager(ref)))
	if apierrors.IsNotFound(err) { // the kind has no status of its own: it is a field like others
		return cl.Update(ctx, c, client.FieldOwner(restoring))
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

// readable makes a Secret readable whose values somebody has replaced, and
// reports whether it was not.
func readable(u *unstructured.Unstructured) bool {
	data, _, _ := unstructured.NestedMap(u.Object, "data")
	changed := false
	for _, key := range slices.Sorted(maps.Keys(data)) {
		value, ok := data[key].(string)
		if _, err := base64.StdEncoding.DecodeString(value); ok && err == nil {
			continue
		}
		changed = true
		data[key] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(data[key])))
	}
	if changed {
		_ = unstructured.SetNestedMap(u.Object, data, "data")
	}
	return changed
}

// judges reports whether a namespace decides which pods may be made in it.
func judges(u *unstructured.Unstructured) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(u.GetLabels())), func(label string) bool {
		return strings.HasPrefix(label, podSecurity)
	})
}
