package simulate

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOrdered(t *testing.T) {
	whole := metav1.StatusCause{Field: "<nil>", Message: "Invalid value: null: some rules were not checked"}
	items := metav1.StatusCause{Field: "spec.items", Message: "Too many: 3"}
	mode := metav1.StatusCause{Field: "spec.mode", Message: `Unsupported value: "z": supported values: "a", "b"`}
	const sorted = `w is invalid: [spec.items: Too many: 3, spec.mode: Unsupported value: "z": supported values: "a", "b", <nil>: Invalid value: null: some rules were not checked]`
	tests := []struct {
		reason, message, want string
		causes                []metav1.StatusCause
	}{
		{"sorted by field, the whole object last", `w is invalid: [spec.mode: Unsupported value: "z": supported values: "a", "b", spec.items: Too many: 3, <nil>: Invalid value: null: some rules were not checked]`, sorted,
			[]metav1.StatusCause{mode, items, whole}},
		{"what is said twice stands once", `w is invalid: [spec.mode: Unsupported value: "z": supported values: "a", "b", spec.items: Too many: 3, <nil>: Invalid value: null: some rules were not checked]`, sorted,
			[]metav1.StatusCause{mode, items, mode, whole}},
		{"one cause stays", "w is invalid: spec.items: Too many: 3", "w is invalid: spec.items: Too many: 3", []metav1.StatusCause{items}},
		{"a message that says something else stays", "denied", "denied", []metav1.StatusCause{mode, items}},
	}
	for _, test := range tests {
		body, err := json.Marshal(metav1.Status{Message: test.message, Details: &metav1.StatusDetails{Causes: test.causes}})
		if err != nil {
			t.Fatal(err)
		}
		var got metav1.Status
		if err := json.Unmarshal(ordered(body), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(test.want, got.Message); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, d)
		}
	}
	if got := string(ordered([]byte("no JSON"))); got != "no JSON" {
		t.Errorf("what is no status becomes %q", got)
	}
}
