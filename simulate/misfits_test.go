package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// The messages are those of an API server.
func TestMisfits(t *testing.T) {
	object := func(kind string) *render.Object { return &render.Object{Unstructured: made("v1", kind, "shop", "x")} }
	for _, c := range []struct {
		why, kind, message string
		want               []diff.Cause
	}{
		{"one field", "Pod", "failed to create typed patch object (a/b; v1, Kind=Pod): .spec.sise: field not declared in schema",
			[]diff.Cause{{Field: "spec.sise", Message: "field not declared in schema"}}},
		{"each of several", "Pod", "failed: errors:\n  .spec.a: field not declared in schema\n  .spec.b: expected string, got &value.valueUnstructured{Value:12}",
			[]diff.Cause{{Field: "spec.a", Message: "field not declared in schema"}, {Field: "spec.b", Message: "expected string, got 12"}}},
		{"no value of a Secret is told", "Secret", "failed: .stringData.pin: expected string, got &value.valueUnstructured{Value:12}",
			[]diff.Cause{{Field: "stringData.pin", Message: "expected string"}}},
		{"an item of a list", "Pod", `failed: .spec.containers[name="a: b"].envv: field not declared in schema`,
			[]diff.Cause{{Field: `spec.containers[name="a: b"].envv`, Message: "field not declared in schema"}}},
		{"an item that is there twice", "Pod", `failed: .spec.ports: duplicate entries for key [port=80]`,
			[]diff.Cause{{Field: "spec.ports", Message: "duplicate entries for key [port=80]"}}},
		{"the namespace", "Pod", `namespaces "shop" not found`, []diff.Cause{{Field: "metadata.namespace", Message: `namespaces "shop" not found`}}},
		{"another namespace", "Pod", `namespaces "other" not found`, nil},
		{"another error has causes of its own", "Pod", "spec.replicas: Invalid value: -2", nil},
	} {
		if d := cmp.Diff(c.want, misfits(object(c.kind), c.message)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}
