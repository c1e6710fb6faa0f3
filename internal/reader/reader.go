// Package reader lets the libraries of the Flux controllers read a render's
// Cluster as if it were an API server. It reads and never writes.
package reader

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// Unsure is the error for an object that exists but whose content is not known
// here, because somebody else makes it or it is encrypted.
type Unsure struct{ Ref finding.Ref }

// Error names the object.
func (u *Unsure) Error() string { return fmt.Sprintf("the content of %s is not known here", u.Ref) }

// errReadOnly is the answer to every request that would change the cluster.
var errReadOnly = errors.New("the cluster of a render is read-only")

// New returns a client that answers Get and List from the cluster and refuses
// everything else. An object that does not exist gives the API server's own
// not-found error, one of unknown content an Unsure. A Secret comes with its
// stringData merged into data, as the API server would store it.
func New(ctx context.Context, cluster render.Cluster) client.Client {
	scheme := runtime.NewScheme()
	// Registering the core group only fails on a programming error of that package.
	_ = corev1.AddToScheme(scheme)
	return &reader{ctx: ctx, cluster: cluster, scheme: scheme}
}

type reader struct {
	ctx     context.Context
	cluster render.Cluster
	scheme  *runtime.Scheme
}

// Get reads one object.
func (r *reader) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(obj, r.scheme)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	ref := finding.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: key.Namespace, Name: key.Name}
	u, presence := render.Content(r.ctx, r.cluster, ref)
	switch {
	case presence == render.Unsure:
		return &Unsure{Ref: ref}
	case presence == render.Absent || u == nil:
		plural, _ := meta.UnsafeGuessKindToResource(gvk)
		return apierrors.NewNotFound(plural.GroupResource(), key.Name)
	}
	return convert(u, obj)
}

// List reads all objects of a kind that match the options.
func (r *reader) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(list, r.scheme)
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	item := schema.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: trimList(gvk.Kind)}
	var items []runtime.Object
	for _, u := range r.cluster.List(r.ctx, item, o.Namespace) {
		if o.LabelSelector != nil && !o.LabelSelector.Matches(labelSet(u.GetLabels())) {
			continue
		}
		obj, err := r.item(list, item, u)
		if err != nil {
			return err
		}
		items = append(items, obj)
	}
	return meta.SetList(list, items)
}

func (r *reader) item(list client.ObjectList, gvk schema.GroupVersionKind, u *unstructured.Unstructured) (runtime.Object, error) {
	if _, ok := list.(*unstructured.UnstructuredList); ok {
		return u.DeepCopy(), nil
	}
	obj, err := r.scheme.New(gvk)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	return obj, convert(u, obj)
}

type labelSet map[string]string

func (l labelSet) Has(k string) bool              { _, ok := l[k]; return ok }
func (l labelSet) Get(k string) string            { return l[k] }
func (l labelSet) Lookup(k string) (string, bool) { v, ok := l[k]; return v, ok }

func trimList(kind string) string {
	const suffix = "List"
	if len(kind) > len(suffix) && kind[len(kind)-len(suffix):] == suffix {
		return kind[:len(kind)-len(suffix)]
	}
	return kind
}

func convert(u *unstructured.Unstructured, obj runtime.Object) error {
	content := u.Object
	if u.GetKind() == "Secret" && u.GroupVersionKind().Group == "" {
		content = storedSecret(u)
	}
	if out, ok := obj.(*unstructured.Unstructured); ok {
		out.Object = runtime.DeepCopyJSON(content)
		return nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, obj); err != nil {
		return fmt.Errorf("read %s: %w", render.RefOf(u), err)
	}
	return nil
}

// storedSecret is the content of a Secret as the API server stores it: without
// stringData, whose values win over those of data.
func storedSecret(u *unstructured.Unstructured) map[string]any {
	plain, ok, err := unstructured.NestedStringMap(u.Object, "stringData")
	if !ok || err != nil {
		return u.Object
	}
	out := runtime.DeepCopyJSON(u.Object)
	delete(out, "stringData")
	data, _ := out["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for k, v := range plain {
		data[k] = base64.StdEncoding.EncodeToString([]byte(v))
	}
	out["data"] = data
	return out
}
