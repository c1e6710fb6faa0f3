package e2e

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// A chart whose HelmChart is suspended goes on being used, and an annotation
// asks for a reconciliation, an upgrade without a change, and new tries.
func TestSuspendedChartsAndRequests(t *testing.T) {
	chartObject := func(more string) string {
		return fmt.Sprintf(`{apiVersion: source.toolkit.fluxcd.io/v1, kind: HelmChart, metadata: {name: app, namespace: flux-system},
spec: {interval: 1h, chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}%s}}`, more)
	}
	release := func(name, annotations, values string) string {
		return fmt.Sprintf(`{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: %s, namespace: flux-system, annotations: {%s}},
spec: {interval: 1h, chartRef: {kind: HelmChart, name: app}, values: {%s}}}`, name, annotations, values)
	}
	const request = "reconcile.fluxcd.io/requestedAt: again"
	base := map[string]string{
		"chart/Chart.yaml":        "{apiVersion: v2, name: app, version: 1.0.0}",
		"chart/templates/cm.yaml": `{apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Release.Name }}{{ .Values.bad }}"}, data: {v: "{{ .Values.v }}", revision: "{{ .Release.Revision }}"}}`,
		"clusters/chart.yaml":     chartObject(""),
		"clusters/changed.yaml":   release("changed", "", "v: one"), "clusters/asked.yaml": release("asked", "", "v: one"),
		"clusters/forced.yaml": release("forced", "", "v: one"), "clusters/reset.yaml": release("reset", "", "bad: _NO"),
	}
	head := maps.Clone(base)
	maps.Copy(head, map[string]string{
		"clusters/chart.yaml": chartObject(", suspend: true"), "clusters/changed.yaml": release("changed", "", "v: two"),
		"clusters/asked.yaml":  release("asked", request, "v: one"),
		"clusters/forced.yaml": release("forced", request+", reconcile.fluxcd.io/forceAt: again", "v: one"),
		"clusters/reset.yaml":  release("reset", request+", reconcile.fluxcd.io/resetAt: again", "bad: _NO"),
	})
	var got []map[string]string
	for _, step := range replayed(t, simulate.Options{Releases: releases.New()}, base, head) {
		reasons := map[string]string{}
		for _, owner := range step.Owners {
			if owner.Ref.Kind == "HelmRelease" {
				reasons[owner.Ref.Name] = owner.Ready.Reason
			}
		}
		got = append(got, reasons)
	}
	want := []map[string]string{
		{"changed": "InstallSucceeded", "asked": "InstallSucceeded", "forced": "InstallSucceeded", "reset": "InstallFailed"},
		{"changed": "UpgradeSucceeded", "asked": "InstallSucceeded", "forced": "UpgradeSucceeded", "reset": "UpgradeFailed"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reasons of the releases (-want +got):\n%s", d)
	}
}

// All are asked to reconcile in the order in which the server lists them: of a parent
// and its child that apply the same object, the later one has it then.
func TestRequestsComeInTheOrderOfTheServer(t *testing.T) {
	tree := map[string]string{
		"clusters/early.yaml": child("early", ""), "clusters/late.yaml": child("late", ""),
		"clusters/a.yaml": configMap("a", "one"), "early/a.yaml": configMap("a", "one"),
		"clusters/b.yaml": configMap("b", "one"), "late/b.yaml": configMap("b", "one"),
	}
	result := played(t, simulate.Options{States: true, Steps: []simulate.StepInput{{Name: "base"}, {Name: "base", Resync: true}}}, tree, tree)
	got := map[string]string{}
	for _, u := range result.States[1] {
		if u.GetKind() == "ConfigMap" && u.GetNamespace() == "default" {
			got[u.GetName()] = u.GetLabels()["kustomize.toolkit.fluxcd.io/name"]
		}
	}
	if d := cmp.Diff(map[string]string{"a": "flux-system", "b": "late"}, got); d != "" {
		t.Errorf("owners after the requests (-want +got):\n%s", d)
	}
}
