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
		{"the same once more", "Pod", "errors:\n  .spec.ports: duplicate entries for key [port=80]\n  .spec.ports: duplicate entries for key [port=80]",
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

// The server says how a value is wrong, but not which one.
func TestUnreadableValues(t *testing.T) {
	of := func(kind string, fields map[string]any) *render.Object {
		o := &render.Object{Unstructured: made("v1", kind, "shop", "x")}
		for k, v := range fields {
			o.Object[k] = v
		}
		return o
	}
	const format = "to proper version: unable to convert unstructured object to v1, Kind=Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
	requests := func(v any) map[string]any {
		return map[string]any{"containers": []any{map[string]any{"name": "64Mb", "resources": map[string]any{"requests": map[string]any{"memory": v, "cpu": "1", "example.com/x": "2"}}}}}
	}
	for _, c := range []struct {
		why, message string
		object       *render.Object
		want         []diff.Cause
	}{
		{"a quantity", format, of("Pod", map[string]any{"spec": requests("64Mb")}),
			[]diff.Cause{{Field: "spec.containers[0].resources.requests.memory", Message: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"}}},
		{"a unit", "unable to parse quantity's suffix", of("Pod", map[string]any{"spec": requests("64Tu")}),
			[]diff.Cause{{Field: "spec.containers[0].resources.requests.memory", Message: "unable to parse quantity's suffix"}}},
		{"numbers can be read", format, of("Pod", map[string]any{"spec": requests(int64(64))}), nil},
		{"a value of a Secret is not told", "error decoding from json: illegal base64 data at input byte 3",
			of("Secret", map[string]any{"data": map[string]any{"a": "YQ==", "b.c": "not base64!"}, "stringData": map[string]any{"d": "not!"}}),
			[]diff.Cause{{Field: "data[b.c]", Message: "illegal base64 data at input byte 3"}}},
		{"another error", "spec: Required value", of("Pod", map[string]any{"spec": requests("64Mb")}), nil},
	} {
		if d := cmp.Diff(c.want, misfits(c.object, c.message)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}
