package e2e

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// That the health check has passed is told where it had not passed before, and
// where a new revision has changed something; not where a new spec has.
func TestPassedHealthChecksAreTold(t *testing.T) {
	base := map[string]string{
		"clusters/a.yaml": child("revised", "wait: true,"), "revised/a.yaml": configMap("revised", "one"),
		"clusters/b.yaml": child("respecified", "wait: true,"), "respecified/a.yaml": workload("respecified", "a", "a:1"),
		"clusters/c.yaml": child("same", "wait: true,"), "same/a.yaml": workload("same", "b", "b:1"),
	}
	head := maps.Clone(base)
	head["revised/a.yaml"] = configMap("revised", "two")
	head["clusters/b.yaml"] = child("respecified", "wait: true, commonMetadata: {labels: {a: b}},")
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster()}, base, head)
	for i, want := range []map[string]int{{"revised": 1, "respecified": 1, "same": 1}, {"revised": 1}} {
		got := map[string]int{}
		for _, e := range result.Steps[i].Events {
			if e.Message == "Health check passed in 0s" {
				got[e.Object.Name]++
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", result.Steps[i].Name, d)
		}
	}
}
