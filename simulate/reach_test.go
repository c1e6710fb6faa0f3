package simulate

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestReachesThatMeet(t *testing.T) {
	one, two := finding.Ref{Kind: "ConfigMap", Namespace: "a", Name: "one"}, finding.Ref{Kind: "ConfigMap", Namespace: "a", Name: "two"}
	thing := schema.GroupKind{Group: "example.org", Kind: "Thing"}
	type refs = map[finding.Ref]bool
	type kinds = map[schema.GroupKind]bool
	for _, row := range []struct {
		why  string
		a, b reach
		want bool
	}{
		{"each writes to what is its own", reach{writes: refs{one: true}}, reach{writes: refs{two: true}}, false},
		{"both write to an object", reach{writes: refs{one: true}}, reach{writes: refs{one: true, two: true}}, true},
		{"one is made from what the other writes", reach{writes: refs{one: true}}, reach{writes: refs{two: true}, reads: refs{one: true}}, true},
		{"both are made from the same", reach{writes: refs{one: true}, reads: refs{two: true}}, reach{reads: refs{two: true}}, false},
		{"one looks for objects of a kind that the other has", reach{kinds: kinds{thing: true}}, reach{lists: kinds{thing: true}}, true},
		{"one defines the kind that the other has", reach{defines: kinds{thing: true}}, reach{kinds: kinds{thing: true}}, true},
		{"both have objects of a kind", reach{kinds: kinds{thing: true}}, reach{kinds: kinds{thing: true}}, false},
	} {
		if row.a.meets(row.b) != row.want || row.b.meets(row.a) != row.want {
			t.Errorf("%s: they meet %v and %v, want %v", row.why, row.a.meets(row.b), row.b.meets(row.a), row.want)
		}
	}
}

func TestChosenAddresses(t *testing.T) {
	for _, row := range []struct {
		why  string
		spec map[string]any
		want bool
	}{
		{"the server chooses", map[string]any{"type": "NodePort", "ports": []any{map[string]any{"port": int64(80)}}}, false},
		{"no address", map[string]any{"clusterIP": "None"}, false},
		{"an address", map[string]any{"clusterIP": "10.0.0.10"}, true},
		{"a port of the nodes", map[string]any{"ports": []any{map[string]any{"port": int64(80)}, map[string]any{"port": int64(81), "nodePort": int64(30080)}}}, true},
	} {
		if got := choosesAddress(&unstructured.Unstructured{Object: map[string]any{"spec": row.spec}}); got != row.want {
			t.Errorf("%s: it is chosen %v, want %v", row.why, got, row.want)
		}
	}
}

func TestDefaultClasses(t *testing.T) {
	marked := func(name, value string) map[string]any {
		return map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: value}}}
	}
	for _, row := range []struct {
		why    string
		object map[string]any
		want   bool
	}{
		{"one of many", map[string]any{}, false},
		{"that of all Pods without one", map[string]any{"globalDefault": true}, true},
		{"that of all claims without one", marked("storageclass.kubernetes.io/is-default-class", "true"), true},
		{"no longer that of all claims", marked("storageclass.kubernetes.io/is-default-class", "false"), false},
	} {
		if got := defaultClass(&unstructured.Unstructured{Object: row.object}); got != row.want {
			t.Errorf("%s: it is the default %v, want %v", row.why, got, row.want)
		}
	}
}
