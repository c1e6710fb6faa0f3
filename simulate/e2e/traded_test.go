package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// An object that moves from one release to another one ends differently in the
// two orders that helm-controller may take: both are said.
func TestObjectTradedBetweenReleases(t *testing.T) {
	base := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{extra: ''}",
		"chart/templates/all.yaml": "{{ if .Values.extra }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Values.extra }}\"}\n{{ end }}\n",
		"clusters/releases.yaml":   child("releases", ""),
		"releases/one.yaml":        ofChart("one", "", "extra: traded"), "releases/two.yaml": ofChart("two", "", ""),
		"releases/here.yaml": ofChart("here", "", "extra: waits"), "releases/there.yaml": ofChart("there", "dependsOn: [{name: here}],", ""),
	}
	head := maps.Clone(base)
	head["releases/one.yaml"], head["releases/two.yaml"] = ofChart("one", "", ""), ofChart("two", "", "extra: traded")
	head["releases/here.yaml"], head["releases/there.yaml"] = ofChart("here", "", ""), ofChart("there", "dependsOn: [{name: here}],", "extra: waits")
	play := func(order []simulate.Precedence) simulate.Step {
		return replayed(t, simulate.Options{Releases: releases.New(), Steps: []simulate.StepInput{{}, {Order: order}}}, base, head)[1]
	}
	taken := play(nil)
	moved := func(s simulate.Step) []string {
		var out []string
		for _, c := range s.Changes {
			if c.Object.Kind == "ConfigMap" {
				out = append(out, c.Object.Name+" "+string(c.Action)+" "+c.Owner.Name)
			}
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff([]string{"traded recreate two", "waits recreate there"}, moved(taken)); d != "" {
		t.Errorf("the order taken (-want +got):\n%s", d)
	}
	other := play(taken.Open)
	var got []string
	for _, f := range simulate.Compare(taken, other) {
		got = append(got, string(f.Severity)+" "+f.Fact+" "+f.Object.String()+" "+f.Message)
	}
	slices.Sort(got)
	want := []string{"error order-dependent ConfigMap/default/traded is deleted and created again if HelmRelease/default/one comes first, " +
		"and deleted if HelmRelease/default/two does"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what is said of both (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"traded delete one", "waits recreate there"}, moved(other)); d != "" {
		t.Errorf("the other order (-want +got):\n%s", d)
	}
}
