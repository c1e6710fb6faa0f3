package e2e

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// The controllers set no limit to the expressions that a repository brings; a
// replay ends with the one that does not come to an end.
func TestEndlessExpressionsEndTheReplay(t *testing.T) {
	endless := "true"
	for _, name := range strings.Split("abcdefghijkl", "") {
		endless = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(" + name + ", " + endless + ")"
	}
	for _, row := range []struct{ reason, more, said string }{
		{"a dependency", `dependsOn: [{name: first, readyExpr: "` + endless + `"}],`, "an expression of /spec/dependsOn has not been evaluated after"},
		{"a health check", `wait: true, healthCheckExprs: [{apiVersion: v1, kind: ConfigMap, current: "` + endless + `"}],`, "an expression of /spec/healthCheckExprs has not been evaluated after"},
	} {
		tree := map[string]string{
			"clusters/first.yaml": child("first", ""), "first/a.yaml": configMap("first", "one"),
			"clusters/asks.yaml": child("asks", row.more), "asks/a.yaml": configMap("asks", "one"),
		}
		_, err := simulate.Run(t.Context(), simulate.Options{Config: server(t), FluxCRDs: objects(t, beside.Folder(t, "conformance")+"/crds"),
			Steps: []simulate.StepInput{revision(t, "base", tree)}})
		if err == nil || !strings.Contains(err.Error(), "Kustomization/flux-system/asks (clusters/asks.yaml:") || !strings.Contains(err.Error(), row.said) {
			t.Errorf("%s: the replay ends with %v", row.reason, err)
		}
	}
}
