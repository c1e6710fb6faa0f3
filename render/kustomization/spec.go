package kustomization

import (
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// fields reads loosely typed content: what is absent or of another type is empty.
type fields map[string]any

func specOf(o *render.Object) fields { return object(o.Object["spec"]) }

func object(v any) fields {
	m, _ := v.(map[string]any)
	return m
}

func (f fields) sub(key string) fields { return object(f[key]) }

func (f fields) list(key string) []any {
	l, _ := f[key].([]any)
	return l
}

func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return s
}

func (f fields) flag(key string) bool {
	b, _ := f[key].(bool)
	return b
}

// texts reads a mapping of strings.
func (f fields) texts(key string) map[string]string {
	out := map[string]string{}
	for k, v := range f.sub(key) {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// sourceRef names the source of a Flux Kustomization.
func sourceRef(o *render.Object) finding.Ref {
	ref := specOf(o).sub("sourceRef")
	return finding.Ref{
		Group:     "source.toolkit.fluxcd.io",
		Kind:      ref.text("kind"),
		Namespace: or(ref.text("namespace"), o.GetNamespace()),
		Name:      ref.text("name"),
	}
}

// effective is the object as the controller reads it: without the fields that
// v1 does not have, which the API server drops from what older versions hold.
// An object that the API server refuses stays as it is.
func effective(u *unstructured.Unstructured) *unstructured.Unstructured {
	var k kustomizev1.Kustomization
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &k); err != nil {
		return u
	}
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&k)
	if err != nil {
		return u
	}
	return &unstructured.Unstructured{Object: m}
}
