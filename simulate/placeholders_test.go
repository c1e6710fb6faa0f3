package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestPlaceholder(t *testing.T) {
	p := Placeholder{GroupKind: schema.GroupKind{Group: "example.com", Kind: "Policy"}, Versions: []string{"v1", "v1beta1"}, Namespaced: true}
	u := p.definition()
	names, _, _ := unstructured.NestedStringMap(u.Object, "spec", "names")
	want := map[string]string{"kind": "Policy", "listKind": "PolicyList", "plural": "policies", "singular": "policy"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	if u.GetName() != "policies.example.com" {
		t.Errorf("a CRD is named by plural and group: %s", u.GetName())
	}
	versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
	if len(versions) != 2 || versions[0].(map[string]any)["storage"] != true || versions[1].(map[string]any)["storage"] != false {
		t.Errorf("the first version is the stored one: %v", versions)
	}
}
