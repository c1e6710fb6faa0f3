package simulate

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestClaimed(t *testing.T) {
	claim := func(class, size string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"storageClassName": class, "resources": map[string]any{"requests": map[string]any{"storage": size}}}}}
	}
	all := []*unstructured.Unstructured{claim("fast", "1Gi"), claim("fast", "512Mi"), claim("slow", "4Gi")}
	for _, c := range []struct{ why, name, want string }{
		{"of all classes", "requests.storage", "5632Mi"},
		{"of one class", "fast.storageclass.storage.k8s.io/requests.storage", "1536Mi"},
		{"how many of one class", "slow.storageclass.storage.k8s.io/persistentvolumeclaims", "1"},
		{"a class that nobody asks for", "gone.storageclass.storage.k8s.io/requests.storage", "0"},
	} {
		if got := claimed(c.name, all); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}
