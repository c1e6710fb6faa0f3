package kustomization

import (
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

func specOf(o *render.Object) loose.Fields { return loose.Of(o.Object["spec"]) }

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// sourceRef names the source of a Flux Kustomization.
func sourceRef(o *render.Object) finding.Ref {
	ref := specOf(o).Sub("sourceRef")
	return finding.Ref{
		Group:     "source.toolkit.fluxcd.io",
		Kind:      ref.Text("kind"),
		Namespace: or(ref.Text("namespace"), o.GetNamespace()),
		Name:      ref.Text("name"),
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
