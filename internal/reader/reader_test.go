package reader

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// cluster holds one ConfigMap, one Secret and one object of unknown content.
type cluster struct{}

func held(kind, name string, content map[string]any) *unstructured.Unstructured {
	content["apiVersion"], content["kind"] = "v1", kind
	content["metadata"] = map[string]any{"name": name, "namespace": "apps", "labels": map[string]any{"app": name}}
	return &unstructured.Unstructured{Object: content}
}

func (cluster) Get(_ context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	switch ref.Name {
	case "cm":
		return held("ConfigMap", "cm", map[string]any{"data": map[string]any{"a": "b"}}), render.Present
	case "secret":
		return held("Secret", "secret", map[string]any{
			"data": map[string]any{"a": "b2xk", "z": "eg=="}, "stringData": map[string]any{"a": "new"},
		}), render.Present
	case "unsure":
		return nil, render.Unsure
	}
	return nil, render.Absent
}

func (cluster) List(context.Context, schema.GroupVersionKind, string) []*unstructured.Unstructured {
	return []*unstructured.Unstructured{held("ConfigMap", "one", map[string]any{}), held("ConfigMap", "two", map[string]any{})}
}

func (cluster) Capabilities(context.Context) render.Capabilities { return render.Capabilities{} }

func TestGet(t *testing.T) {
	c := New(context.Background(), cluster{})
	var cm corev1.ConfigMap
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: "apps", Name: "cm"}, &cm); err != nil || cm.Data["a"] != "b" {
		t.Errorf("ConfigMap: %v %v", cm.Data, err)
	}
	var secret corev1.Secret
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: "apps", Name: "secret"}, &secret); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"a": []byte("new"), "z": []byte("z")}
	if diff := cmp.Diff(want, secret.Data); diff != "" {
		t.Errorf("stringData wins and is stored as data (-want +got):\n%s", diff)
	}
	err := c.Get(context.Background(), client.ObjectKey{Namespace: "apps", Name: "absent"}, &secret)
	if client.IgnoreNotFound(err) != nil || err == nil || err.Error() != `secrets "absent" not found` {
		t.Errorf("absent: %v", err)
	}
	var unsure *Unsure
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: "apps", Name: "unsure"}, &cm); !errors.As(err, &unsure) {
		t.Errorf("unsure: %v", err)
	}
}

func TestListByLabel(t *testing.T) {
	var list corev1.ConfigMapList
	err := New(context.Background(), cluster{}).List(context.Background(), &list, client.InNamespace("apps"), client.MatchingLabels{"app": "two"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "two" {
		t.Errorf("%v %v", list.Items, err)
	}
}

func TestWritesAreRefused(t *testing.T) {
	c := New(context.Background(), cluster{})
	for name, err := range map[string]error{
		"create": c.Create(context.Background(), &corev1.ConfigMap{}),
		"delete": c.Delete(context.Background(), &corev1.ConfigMap{}),
		"update": c.Update(context.Background(), &corev1.ConfigMap{}),
		"status": c.Status().Update(context.Background(), &corev1.ConfigMap{}),
	} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
