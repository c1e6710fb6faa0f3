package helmrelease

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// lookups answers the lookup function of templates from the cluster.
type lookups struct {
	ctx      context.Context
	run      *renderRun
	problems []finding.Problem
}

// lookup returns an object, a list when name is empty, or an empty map when
// nothing is found. Templates may change the result.
func (l *lookups) lookup(apiVersion, kind, namespace, name string) (map[string]any, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if !l.run.namespaced(l.ctx, gvk) {
		namespace = ""
	}
	if name == "" {
		return l.list(gvk, namespace), nil
	}
	ref := finding.Ref{Group: gvk.Group, Kind: kind, Namespace: namespace, Name: name}
	obj, presence := l.run.in.Cluster.Get(l.ctx, ref)
	if presence == render.Unsure {
		l.problems = append(l.problems, located(l.run.in, finding.Problem{
			Reason: ReasonLookup, Field: chartField(l.run.prepared.HelmRelease),
			Message: fmt.Sprintf("a template of the chart looks up %s, whose content is not known here", ref),
		}))
	}
	if obj == nil {
		return map[string]any{}, nil
	}
	return obj.DeepCopy().Object, nil
}

func (l *lookups) list(gvk schema.GroupVersionKind, namespace string) map[string]any {
	items := []any{}
	for _, u := range l.run.in.Cluster.List(l.ctx, gvk, namespace) {
		items = append(items, u.DeepCopy().Object)
	}
	return map[string]any{
		"apiVersion": gvk.GroupVersion().String(), "kind": gvk.Kind + "List",
		"metadata": map[string]any{"resourceVersion": ""}, "items": items,
	}
}

// GetClientFor implements engine.ClientProvider: what Helm 3 asks a cluster is
// asked here. Whether the kind is namespaced is decided by lookup.
func (l *lookups) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return lookupClient{lookups: l, apiVersion: apiVersion, kind: kind}, true, nil
}

// lookupClient answers the requests of the lookup function for one kind. Helm
// makes no others, so the rest of the interface is left out.
type lookupClient struct {
	dynamic.NamespaceableResourceInterface
	lookups                     *lookups
	apiVersion, kind, namespace string
}

// Namespace implements dynamic.NamespaceableResourceInterface.
func (c lookupClient) Namespace(namespace string) dynamic.ResourceInterface {
	c.namespace = namespace
	return c
}

// Get implements dynamic.ResourceInterface.
func (c lookupClient) Get(_ context.Context, name string, _ metav1.GetOptions, _ ...string) (*unstructured.Unstructured, error) {
	found, err := c.lookups.lookup(c.apiVersion, c.kind, c.namespace, name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: c.kind}, name)
	}
	return &unstructured.Unstructured{Object: found}, nil
}

// List implements dynamic.ResourceInterface.
func (c lookupClient) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	found, err := c.lookups.lookup(c.apiVersion, c.kind, c.namespace, "")
	if err != nil {
		return nil, err
	}
	items, ok := found["items"].([]any)
	if !ok {
		return nil, errors.New("a list without items")
	}
	list := &unstructured.UnstructuredList{Object: found}
	for _, i := range items {
		if object, ok := i.(map[string]any); ok {
			list.Items = append(list.Items, unstructured.Unstructured{Object: object})
		}
	}
	return list, nil
}
