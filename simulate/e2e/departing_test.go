package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// Releases that are deleted together with their namespace are uninstalled:
// helm-controller begins with all of them at once, before what is stored of them
// goes with the namespace, whatever else is uninstalled at that time and whoever
// has deleted them.
func TestReleasesGoWithTheirNamespace(t *testing.T) {
	of := func(namespace, name, chart string) string {
		return fmt.Sprintf(`{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: %[2]s, namespace: %[1]s}, spec: {interval: 1h,
releaseName: %[2]s, targetNamespace: team, storageNamespace: team, chart: {spec: {chart: ./charts/%[3]s,
sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}}}`, namespace, name, chart)
	}
	const role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: '{{ .Release.Name }}'}, rules: []}"
	base := map[string]string{
		"charts/wide/Chart.yaml":       "{apiVersion: v2, name: wide, version: 1.0.0}",
		"charts/wide/templates/a.yaml": role, "charts/wide/templates/b.yaml": crd, // defines a kind, so it is finished with last
		"charts/small/Chart.yaml":       "{apiVersion: v2, name: small, version: 1.0.0}",
		"charts/small/templates/a.yaml": role, "charts/small/templates/b.yaml": configMap("{{ .Release.Name }}", "one"),
		"clusters/team.yaml": child("team", ""), "team/cm.yaml": configMap("stays", "one"),
		"team/space.yaml":   "{apiVersion: v1, kind: Namespace, metadata: {name: team}}",
		"team/release.yaml": of("team", "wide", "wide"), "team/small.yaml": of("default", "outside", "small"),
		"clusters/apps.yaml": child("apps", ""), "apps/release.yaml": of("team", "below", "small"),
	}
	head := maps.Clone(base)
	for _, path := range []string{"team/space.yaml", "team/release.yaml", "team/small.yaml", "clusters/apps.yaml", "apps/release.yaml"} {
		delete(head, path)
	}
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New()}, base, head)
	for i, want := range []diff.Action{diff.Create, diff.Delete} {
		for _, name := range []string{"wide", "outside", "below"} {
			role := finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: name}
			if !slices.ContainsFunc(result.Steps[i].Changes, func(c diff.Change) bool { return c.Object == role && c.Action == want }) {
				t.Errorf("%s: want %s to %s", result.Steps[i].Name, role, want)
			}
		}
	}
}
