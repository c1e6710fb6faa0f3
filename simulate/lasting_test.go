package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestLastingEvents(t *testing.T) {
	ref := finding.Ref{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease", Namespace: "apps", Name: "web"}
	waits := func(message string) Event {
		return Event{Object: ref, Type: "Normal", Reason: "DependencyNotReady", Message: message}
	}
	ready := func(status, reason, message string) map[finding.Ref]*unstructured.Unstructured {
		return map[finding.Ref]*unstructured.Unstructured{ref: {Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Ready", "status": status, "reason": reason, "message": message}}}}}}
	}
	done := Event{Object: ref, Type: "Normal", Reason: "InstallSucceeded", Message: "done"}
	for _, tt := range []struct {
		why    string
		owners map[finding.Ref]*unstructured.Unstructured
		want   []Event
	}{
		{"it does not wait any more", ready("True", "InstallSucceeded", "done"), []Event{done}},
		{"it waits for something else", ready("False", "DependencyNotReady", "for b"), []Event{waits("for b"), done}},
		{"it is gone", nil, []Event{waits("for a"), waits("for b"), done}},
	} {
		if d := cmp.Diff(tt.want, lasting([]Event{waits("for a"), waits("for b"), done}, tt.owners)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, d)
		}
	}
}
