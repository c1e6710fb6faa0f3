package e2e

import (
	"maps"
	"slices"
	"strings"
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

// A release that means another one than before uninstalls the old one, and installs
// after a pause, in which others uninstall theirs: names can be swapped.
func TestReleasesSwapNames(t *testing.T) {
	base := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{extra: ''}",
		"chart/templates/all.yaml": configMap("{{ .Values.extra }}", "{{ .Release.Name }}"),
		"clusters/one.yaml":        ofChart("one", "releaseName: x,", "extra: one"), "clusters/two.yaml": ofChart("two", "releaseName: y,", "extra: two"),
	}
	head := maps.Clone(base)
	head["clusters/one.yaml"], head["clusters/two.yaml"] = ofChart("one", "releaseName: y,", "extra: one"), ofChart("two", "releaseName: x,", "extra: two")
	step := replayed(t, simulate.Options{Releases: releases.New(), Steps: []simulate.StepInput{{}, {}}}, base, head)[1]
	got := states(step)
	for _, c := range step.Changes {
		if c.Object.Kind == "ConfigMap" {
			got[c.Object.Name] = string(c.Action) + " " + c.Owner.Name
		}
	}
	want := map[string]string{
		"HelmRelease/one": "True InstallSucceeded default/y.v1 chart=app@1.0.0 status=deployed", "one": "recreate one",
		"HelmRelease/two": "True InstallSucceeded default/x.v1 chart=app@1.0.0 status=deployed", "two": "recreate two",
		"Kustomization/flux-system": "True ReconciliationSucceeded",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("after the second commit (-want +got):\n%s", d)
	}
}

// Kustomizations that wake together apply before any of them prunes: what moves
// from one to another one is taken over, in both directions at once. Where the one
// that lets go comes first after all, what moves is made anew, and that is said.
func TestObjectsTradedBetweenKustomizations(t *testing.T) {
	base := map[string]string{
		"clusters/a.yaml": child("a", ""), "clusters/b.yaml": child("b", ""),
		"a/moves.yaml": child("moves", ""), "a/to-b.yaml": configMap("to-b", "x"), "a/stays.yaml": configMap("stays-a", "x"),
		"b/stays.yaml": configMap("stays-b", "x"), "b/to-a.yaml": configMap("to-a", "x"),
		"moves/in.yaml": configMap("in", "x"),
	}
	head := maps.Clone(base)
	for _, moved := range [][2]string{{"a/moves.yaml", "b/moves.yaml"}, {"a/to-b.yaml", "b/to-b.yaml"}, {"b/to-a.yaml", "a/to-a.yaml"}} {
		head[moved[1]] = head[moved[0]]
		delete(head, moved[0])
	}
	changes := func(s simulate.Step) []string {
		var out []string
		for _, c := range s.Changes {
			out = append(out, c.Object.Name+" "+string(c.Action)+" "+c.Owner.Name)
		}
		slices.Sort(out)
		return slices.DeleteFunc(out, func(line string) bool { return strings.Contains(line, " unchanged ") })
	}
	taken := replayed(t, simulate.Options{Steps: []simulate.StepInput{{}, {}}}, base, head)[1]
	if d := cmp.Diff([]string{"moves adopt b", "to-a adopt a", "to-b adopt b"}, changes(taken)); d != "" {
		t.Errorf("side by side (-want +got):\n%s", d)
	}
	other := replayed(t, simulate.Options{Steps: []simulate.StepInput{{}, {Order: taken.Open}}}, base, head)[1]
	if d := cmp.Diff([]string{"in recreate moves", "moves recreate b", "to-a adopt a", "to-b recreate b"}, changes(other)); d != "" {
		t.Errorf("the one that lets go of more comes first (-want +got):\n%s", d)
	}
	var said []string
	for _, f := range simulate.Compare(taken, other) {
		said = append(said, string(f.Severity)+" "+f.Fact+" "+f.Object.Name)
	}
	slices.Sort(said)
	if d := cmp.Diff([]string{"error order-dependent moves", "warning order-dependent to-b"}, said); d != "" {
		t.Errorf("what is said of both (-want +got):\n%s", d)
	}
}
