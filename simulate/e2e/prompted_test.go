package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// The controllers work side by side, and begin at once with what they watch:
// watched values that come with a new spec are used with the old one first, and
// what goes with a Kustomization is gone before a new one, which has its pause
// before it, applies the same.
func TestControllersBeginAtOnce(t *testing.T) {
	values := func(value, label string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: values, namespace: flux-system, labels: {" + label + "}}, data: {values.yaml: 'a: " + value + "'}}"
	}
	from := func(name, more string) string {
		return release(name, "small", more+" valuesFrom: [{kind: ConfigMap, name: values}],")
	}
	base := map[string]string{
		"charts/small/Chart.yaml": "{apiVersion: v2, name: small, version: 1.0.0}", "charts/small/templates/all.yaml": configMap("{{ .Release.Name }}", "{{ .Values.a }}"),
		"clusters/watched.yaml": child("watched", ""), "watched/values.yaml": values("one", "reconcile.fluxcd.io/watch: Enabled"),
		"watched/both.yaml": from("both", "values: {b: one},"), "watched/same.yaml": from("same", ""),
		"clusters/old.yaml": child("old", ""), "old/inner.yaml": child("inner", ""),
		"inner/a.yaml": configMap("inner", "a"), "inner/b.yaml": release("inner-release", "small", "values: {a: b},"),
	}
	head := maps.Clone(base)
	head["watched/values.yaml"] = values("two", "reconcile.fluxcd.io/watch: Enabled")
	head["watched/both.yaml"] = from("both", "values: {b: two},")
	delete(head, "clusters/old.yaml")
	head["clusters/new.yaml"] = strings.Replace(child("new", ""), "path: ./new", "path: ./old", 1)
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New()}, base, head)
	const small, deployed, superseded = " chart=small@1.0.0", " status=deployed", " status=superseded"
	want := map[string]string{
		"Kustomization/flux-system": "True ReconciliationSucceeded", "Kustomization/watched": "True ReconciliationSucceeded",
		"HelmRelease/both":  "True UpgradeSucceeded flux-system/both.v3" + small + deployed + " flux-system/both.v2" + small + superseded,
		"HelmRelease/same":  "True UpgradeSucceeded flux-system/same.v2" + small + deployed + " flux-system/same.v1" + small + superseded,
		"Kustomization/new": "True ReconciliationSucceeded", "Kustomization/inner": "True ReconciliationSucceeded",
		"HelmRelease/inner-release": "True InstallSucceeded flux-system/inner-release.v1" + small + deployed,
	}
	if d := cmp.Diff(want, states(result.Steps[1])); d != "" {
		t.Errorf("after the second commit (-want +got):\n%s", d)
	}
}
