package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// A release that is deleted together with its namespace is uninstalled:
// helm-controller begins at once, before what is stored of the release goes with
// the namespace, whatever else is uninstalled at that time.
func TestReleaseGoesWithItsNamespace(t *testing.T) {
	base := map[string]string{
		"charts/wide/Chart.yaml":       "{apiVersion: v2, name: wide, version: 1.0.0}",
		"charts/wide/templates/a.yaml": "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: wide}, rules: []}",
		"charts/wide/templates/b.yaml": crd,
		"charts/small/Chart.yaml":      "{apiVersion: v2, name: small, version: 1.0.0}", "charts/small/templates/a.yaml": configMap("small", "one"),
		"team/small.yaml":    release("small", "small", ""),
		"clusters/team.yaml": child("team", ""), "team/cm.yaml": configMap("stays", "one"),
		"team/space.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: team}}",
		"team/release.yaml": `{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: wide, namespace: team},
spec: {interval: 1h, chart: {spec: {chart: ./charts/wide, sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}}}`,
	}
	head := maps.Clone(base)
	delete(head, "team/space.yaml")
	delete(head, "team/release.yaml")
	delete(head, "team/small.yaml")
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New()}, base, head)
	role := finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "wide"}
	for i, want := range []diff.Action{diff.Create, diff.Delete} {
		if !slices.ContainsFunc(result.Steps[i].Changes, func(c diff.Change) bool { return c.Object == role && c.Action == want }) {
			t.Errorf("%s: want %s to %s", result.Steps[i].Name, role, want)
		}
	}
}
