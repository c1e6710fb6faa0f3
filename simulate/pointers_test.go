package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func TestPointerTo(t *testing.T) {
	o := &render.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"example.com/app": "x"}},
		"spec": map[string]any{
			"containers": []any{map[string]any{"name": "log"}, map[string]any{"name": "web", "image": "a"}},
			"ports":      []any{map[string]any{"port": int64(80), "protocol": "UDP"}, map[string]any{"port": int64(80), "protocol": "TCP"}},
		},
	}}}
	for _, c := range []struct{ field, want, why string }{
		{"spec.replicas", "/spec/replicas", "a plain path"},
		{"spec.containers[1].image", "/spec/containers/1/image", "an index in brackets"},
		{`spec.containers[name="web"].image`, "/spec/containers/1/image", "server-side apply names items by their key"},
		{`spec.ports[port=80,protocol="TCP"].port`, "/spec/ports/1/port", "a key of two fields, one of them a number"},
		{"metadata.labels[example.com/app]", "/metadata/labels/example.com~1app", "a key with dots and a slash is one token"},
		{".spec.replicas", "/spec/replicas", "server-side apply starts with a dot"},
		{`spec.containers[name="gone"].image`, `/spec/containers/name="gone"/image`, "an item that does not exist keeps its text"},
		{"", "", "no field is the whole object"},
		{"spec.broken[", "/spec/broken", "an open bracket ends the path"},
	} {
		if got := pointerTo(o, c.field); got != c.want {
			t.Errorf("%s: pointerTo(%q) = %q, want %q", c.why, c.field, got, c.want)
		}
	}
}

func TestKebab(t *testing.T) {
	got := []string{kebab("HealthCheckFailed"), kebab("Invalid"), kebab("")}
	if d := cmp.Diff([]string{"health-check-failed", "invalid", ""}, got); d != "" {
		t.Error(d)
	}
}
