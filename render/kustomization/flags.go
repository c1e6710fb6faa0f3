package kustomization

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Flags returns the settings after the command line of a controller
// (kustomize-controller or helm-controller); other controllers change nothing.
func Flags(s render.Settings, controller string, args []string) render.Settings {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	container := map[string]any{"name": "manager", "args": list}
	u := &unstructured.Unstructured{Object: map[string]any{
		"kind":     "Deployment",
		"metadata": map[string]any{"name": controller},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"containers": []any{container},
		}}},
	}}
	return readDeployments(s, []*unstructured.Unstructured{u})
}
