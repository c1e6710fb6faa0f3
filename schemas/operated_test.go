package schemas

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestOperatedFluxCRDs(t *testing.T) {
	catalog, err := New(Options{KubeVersion: "1.37.2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		reason string
		crds   []*unstructured.Unstructured
		want   map[string]int // how many of the operator's kinds a list of kinds names
	}{
		{"flux install knows nothing of the operator", catalog.FluxCRDs(), map[string]int{"alerts": 0, "receivers": 0, "kustomizations": 0}},
		{"alerts and receivers may name the operator's kinds", catalog.OperatedFluxCRDs(), map[string]int{"alerts": 3, "receivers": 3, "kustomizations": 0}},
	} {
		got := map[string]int{}
		for _, crd := range row.crds {
			plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
			if _, ok := row.want[plural]; ok {
				got[plural] = named(crd.Object)
			}
		}
		if d := cmp.Diff(row.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.reason, d)
		}
	}
}

// named is the largest number of the operator's kinds that one enumeration names.
func named(value any) int {
	most, here := 0, 0
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if item == "FluxInstance" || item == "ResourceSet" || item == "ResourceSetInputProvider" {
				here++
			}
			most = max(most, named(item))
		}
	case map[string]any:
		for key, item := range value {
			if key != "description" {
				most = max(most, named(item))
			}
		}
	}
	return max(most, here)
}
