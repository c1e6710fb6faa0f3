package schemas

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefault(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	chart := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "spec": map[string]any{"chart": map[string]any{"spec": spec}}}
	}
	seen := func(object map[string]any) map[string]any {
		object["status"] = map[string]any{"observedGeneration": int64(-1)}
		return object
	}
	for _, row := range []struct {
		why          string
		object, want map[string]any
	}{
		{"a field with a default", chart(map[string]any{"chart": "a"}), seen(chart(map[string]any{"chart": "a", "reconcileStrategy": "ChartVersion", "version": "*"}))},
		{"a field that says something", chart(map[string]any{"version": "1"}), seen(chart(map[string]any{"version": "1", "reconcileStrategy": "ChartVersion"}))},
		{"no parent of such fields", map[string]any{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease"}, seen(map[string]any{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease"})},
		{"a kind of Kubernetes", map[string]any{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{}}, map[string]any{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{}}},
	} {
		c.Default(row.object)
		if d := cmp.Diff(row.want, row.object); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
	}
}
