package releases

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/release"
)

// minute is a time-out between two looks of the controller.
const minute = 61 * time.Second

func TestHealth(t *testing.T) {
	slow := simulate.Laggard{Name: "Job/a/slow", Status: "InProgress"}
	broken := simulate.Laggard{Name: "Deployment/a/broken", Status: "Failed"}
	odd := simulate.Laggard{Name: "Odd/a/x", Status: "Unknown", Cause: "no such kind"}
	tests := map[string]struct {
		reason string
		late   []simulate.Laggard
		wait   release.Wait
		want   string
	}{
		"healthy": {"nothing is late", nil, release.Wait{For: release.Healthy}, ""},
		"time-out": {
			"all late objects are listed by name", []simulate.Laggard{odd, slow}, release.Wait{For: release.Healthy, Timeout: minute},
			"timeout waiting for: [Job/a/slow status: 'InProgress', Odd/a/x status: 'Unknown': no such kind]",
		},
		"failed": {
			"a failed object ends the wait", []simulate.Laggard{slow, broken}, release.Wait{For: release.Healthy, Timeout: minute},
			"failed early due to stalled resources: [Deployment/a/broken status: 'Failed']",
		},
		"two failed": {
			"the first one does", []simulate.Laggard{slow, broken, {Name: "Deployment/a/another", Status: "Failed"}},
			release.Wait{For: release.Healthy, Timeout: minute}, "failed early due to stalled resources: [Deployment/a/broken status: 'Failed']",
		},
		"failed hooks": {
			"all of them have come to an end", []simulate.Laggard{broken, {Name: "Deployment/a/another", Status: "Failed"}},
			release.Wait{For: release.Complete, Timeout: minute},
			"failed early due to stalled resources: [Deployment/a/another status: 'Failed', Deployment/a/broken status: 'Failed']",
		},
		"hook": {
			"hooks are not given up early", []simulate.Laggard{slow, broken}, release.Wait{For: release.Complete, Timeout: minute},
			"timeout waiting for: [Deployment/a/broken status: 'Failed', Job/a/slow status: 'InProgress']",
		},
		"failed hook": {
			"nothing is left to wait for", []simulate.Laggard{broken}, release.Wait{For: release.Complete, Timeout: minute},
			"failed early due to stalled resources: [Deployment/a/broken status: 'Failed']",
		},
		"the last look": {
			"the time is up when the controller looks", []simulate.Laggard{slow}, release.Wait{For: release.Healthy, Timeout: 20 * time.Second},
			"client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline",
		},
		"Helm 3": {
			"its words name no object", []simulate.Laggard{broken, slow}, release.Wait{For: release.Healthy, Legacy: true, Timeout: minute},
			"context deadline exceeded",
		},
		"hook of Helm 3": {
			"neither for hooks", []simulate.Laggard{slow}, release.Wait{For: release.Complete, Legacy: true, Timeout: minute},
			"timed out waiting for the condition",
		},
		"still there": {
			"a deletion that does not end", []simulate.Laggard{{Name: "Job/a/slow", Status: "Terminating"}}, release.Wait{For: release.Gone, Timeout: minute},
			"Job/a/slow termination timeout: context deadline exceeded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var asked simulate.Awaited
			in := simulate.ReleaseInput{
				Object: &render.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{}}},
				Wait: func(_ context.Context, w simulate.Awaited) ([]simulate.Laggard, error) {
					asked = w
					return test.late, nil
				},
			}
			got := ""
			if err := healthOf(in, &waiting{})(t.Context(), test.wait); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
			}
			if asked.Hook != (test.wait.For == release.Complete) || asked.Gone != (test.wait.For == release.Gone) {
				t.Errorf("asked for %+v, want that of %q", asked, test.wait.For)
			}
		})
	}
}
