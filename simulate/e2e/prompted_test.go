package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// The controllers work side by side, and begin at once with what they watch:
// watched values that come with a new spec are used with the old one first, a new
// spec meets the artifact that its source has had, unless that changes right after it, and what goes with a
// Kustomization is gone before a new one, which has its pause before it, applies
// the same. A source that fails with a new spec has no artifact for releases.
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
	packed := func(name, more, source string) string {
		return "{apiVersion: source.toolkit.fluxcd.io/v1, kind: HelmChart, metadata: {name: " + name + ", namespace: flux-system}, " +
			"spec: {interval: 1h, chart: ./charts/small, " + more + " sourceRef: {" + source + "}}}"
	}
	of := func(name, value string) string {
		return "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: " + name + ", namespace: flux-system}, " +
			"spec: {interval: 1h, chartRef: {kind: HelmChart, name: " + name + "}, values: {b: " + value + "}}}"
	}
	const git = "kind: GitRepository, name: flux-system"
	maps.Copy(base, map[string]string{
		"charts/small/values.yaml": "a: small", "charts/small/more.yaml": "a: more",
		"clusters/pair.yaml": child("pair", ""), "pair/chart.yaml": packed("pair", "", git), "pair/release.yaml": of("pair", "one"), "pair/then.yaml": release("then", "small", "values: {b: one},"),
		"clusters/next.yaml": child("next", ""), "next/chart.yaml": packed("next", "", git), "next/release.yaml": of("next", "one"),
		"clusters/source.yaml": child("source", ""), "source/chart.yaml": packed("late", "", git),
		"clusters/reader.yaml": child("reader", "dependsOn: [{name: source}],"), "reader/release.yaml": of("late", "one"),
		"source/keyless.yaml": gitRepository("keyless", "secretRef: {name: absent}"),
	})
	head := maps.Clone(base)
	head["pair/chart.yaml"] = packed("pair", "valuesFiles: [charts/small/values.yaml, charts/small/more.yaml],", git)
	head["pair/release.yaml"], head["pair/then.yaml"] = of("pair", "two"), release("then", "small", "values: {b: two},")
	head["next/chart.yaml"] = packed("next", "valuesFiles: [charts/small/values.yaml, charts/small/more.yaml],", git)
	head["next/release.yaml"] = of("next", "two")
	head["source/chart.yaml"], head["reader/release.yaml"] = packed("late", "", "kind: GitRepository, name: keyless"), of("late", "two")
	head["watched/values.yaml"] = values("two", "reconcile.fluxcd.io/watch: Enabled")
	head["watched/both.yaml"] = from("both", "values: {b: two},")
	delete(head, "clusters/old.yaml")
	head["clusters/new.yaml"] = strings.Replace(child("new", ""), "path: ./new", "path: ./old", 1)
	step := simulate.StepInput{Settings: render.Settings{Complete: true}}
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New(), Steps: []simulate.StepInput{step, step}}, base, head)
	const small, deployed, superseded = " chart=small@1.0.0", " status=deployed", " status=superseded"
	want := map[string]string{
		"Kustomization/flux-system": "True ReconciliationSucceeded", "Kustomization/watched": "True ReconciliationSucceeded",
		"HelmRelease/both":  "True UpgradeSucceeded flux-system/both.v3" + small + deployed + " flux-system/both.v2" + small + superseded,
		"HelmRelease/same":  "True UpgradeSucceeded flux-system/same.v2" + small + deployed + " flux-system/same.v1" + small + superseded,
		"Kustomization/new": "True ReconciliationSucceeded", "Kustomization/inner": "True ReconciliationSucceeded",
		"Kustomization/pair": "True ReconciliationSucceeded", "Kustomization/source": "True ReconciliationSucceeded", "Kustomization/reader": "True ReconciliationSucceeded",
		"HelmRelease/pair":          "True UpgradeSucceeded flux-system/pair.v3 chart=small@1.0.0+2" + deployed + " flux-system/pair.v2" + small + superseded,
		"HelmRelease/then":          "True UpgradeSucceeded flux-system/then.v2" + small + deployed + " flux-system/then.v1" + small + superseded,
		"Kustomization/next":        "True ReconciliationSucceeded",
		"HelmRelease/next":          "True UpgradeSucceeded flux-system/next.v2 chart=small@1.0.0+2" + deployed + " flux-system/next.v1" + small + superseded,
		"HelmRelease/late":          "False SourceNotReady flux-system/late.v1" + small + deployed,
		"HelmRelease/inner-release": "True InstallSucceeded flux-system/inner-release.v1" + small + deployed,
	}
	if d := cmp.Diff(want, states(result.Steps[1])); d != "" {
		t.Errorf("after the second commit (-want +got):\n%s", d)
	}
}

// A source that fails with a new spec has stored nothing for that spec: a release
// that has a new spec too waits for it.
func TestFailingSourceWithNewSpec(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("oci/small/1.0.0/small/Chart.yaml", "{apiVersion: v2, name: small, version: 1.0.0}")
	write("oci/small/1.0.0/small/templates/all.yaml", configMap("release", "{{ .Values.a }}"))
	for step, tag := range map[string]string{"repo": "1.0.0", "head": "9.9.9"} {
		write(step+"/clusters/source.yaml", "{apiVersion: source.toolkit.fluxcd.io/v1, kind: OCIRepository, metadata: {name: small, namespace: flux-system}, "+
			"spec: {interval: 1h, url: 'oci://oci.test/small', ref: {tag: "+tag+"}}}")
		write(step+"/clusters/release.yaml", "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: small, namespace: flux-system}, "+
			"spec: {interval: 1h, chartRef: {kind: OCIRepository, name: small}, values: {a: '"+tag+"'}}}")
		write("expect/"+map[string]string{"repo": "base", "head": "head"}[step]+"/.keep", "")
	}
	result, err := simulate.Run(t.Context(), recordedCase{dir: dir, Path: "./clusters"}.options(t, beside.Folder(t, "conformance")))
	if err != nil {
		t.Fatal(err)
	}
	got := states(result.Steps[1])["HelmRelease/small"]
	if want := "False SourceNotReady flux-system/small.v1 chart=small@1.0.0"; !strings.HasPrefix(got, want) || strings.Contains(got, "v2") {
		t.Errorf("after the second commit: want %s, got %s", want, got)
	}
}
