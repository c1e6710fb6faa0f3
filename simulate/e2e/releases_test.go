package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

const (
	// umbrella is a template of Flux objects, which the release waits for.
	umbrella = `{{ range .Values.children }}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: '{{ . }}', namespace: flux-system}
spec: {interval: 1h, path: './{{ . }}', prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
{{ end }}`
	picky = `apiVersion: v1
kind: Service
metadata: {name: '{{ .Release.Name }}'}
spec: {ports: [{port: {{ .Values.port }}}]}`
	protected = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: protected}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [DELETE], resources: [configmaps, services]}]}
  validations: [{expression: "!oldObject.metadata.name.startsWith('protected')", message: is protected}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: protected}
spec: {policyName: protected, validationActions: [Deny]}`
)

func release(name, chart, more string) string {
	return fmt.Sprintf(`{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: %s, namespace: flux-system},
spec: {interval: 1h, %s chart: {spec: {chart: ./charts/%s, sourceRef: {kind: GitRepository, name: flux-system}}}}}`, name, more, chart)
}

func states(s simulate.Step) map[string]string {
	out := map[string]string{}
	for _, o := range s.Owners {
		if o.Ref.Kind == "HelmRelease" || o.Ref.Kind == "Kustomization" {
			out[o.Ref.Kind+"/"+o.Ref.Name] = strings.TrimSpace(o.Ready.Status + " " + o.Ready.Reason + " " + strings.Join(o.History, " "))
		}
	}
	return out
}

// The controllers work side by side: a release that waits for Flux objects gets
// them, what cannot be cleaned up stays, and a retry after minutes is not part
// of a step in which nothing changes that decides about objects.
func TestControllersWorkSideBySide(t *testing.T) {
	charts := map[string]string{
		"charts/umbrella/Chart.yaml": "{apiVersion: v2, name: umbrella, version: 1.0.0}", "charts/umbrella/templates/all.yaml": umbrella,
		"charts/picky/Chart.yaml": "{apiVersion: v2, name: picky, version: 1.0.0}", "charts/picky/templates/all.yaml": picky,
		"one/a.yaml": configMap("one", "a"), "two/a.yaml": configMap("two", "a"), "stuck/a.yaml": configMap("protected", "a"),
	}
	base := map[string]string{
		"clusters/a.yaml": release("umbrella", "umbrella", "values: {children: [one, two]},"), "clusters/b.yaml": release("all", "umbrella", "values: {children: [three]},"),
		"clusters/c.yaml": release("protected", "picky", "values: {port: 80},"), "clusters/d.yaml": release("again", "picky", "values: {port: 80},"),
		"clusters/e.yaml": release("later", "picky", "values: {port: 80},"), "clusters/f.yaml": child("stuck", ""), "three/a.yaml": configMap("three", "a"),
	}
	head := map[string]string{
		"clusters/a.yaml": release("umbrella", "umbrella", "values: {children: [one]},"),
		"clusters/d.yaml": release("again", "picky", "upgrade: {strategy: {name: RetryOnFailure}}, values: {port: 99999},"),
		"clusters/e.yaml": release("later", "picky", "values: {port: 81},"),
	}
	for _, tree := range []map[string]string{base, head} {
		maps.Copy(tree, charts)
	}
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New(),
		Steps: []simulate.StepInput{{Apply: written(t, protected)}}}, base, head)
	want := []map[string]string{{
		"Kustomization/flux-system": "True ReconciliationSucceeded", "Kustomization/one": "True ReconciliationSucceeded", "Kustomization/two": "True ReconciliationSucceeded",
		"Kustomization/three": "True ReconciliationSucceeded", "Kustomization/stuck": "True ReconciliationSucceeded",
		"HelmRelease/umbrella":  "True InstallSucceeded flux-system/umbrella.v1 chart=umbrella@1.0.0 status=deployed",
		"HelmRelease/all":       "True InstallSucceeded flux-system/all.v1 chart=umbrella@1.0.0 status=deployed",
		"HelmRelease/protected": "True InstallSucceeded flux-system/protected.v1 chart=picky@1.0.0 status=deployed",
		"HelmRelease/again":     "True InstallSucceeded flux-system/again.v1 chart=picky@1.0.0 status=deployed",
		"HelmRelease/later":     "True InstallSucceeded flux-system/later.v1 chart=picky@1.0.0 status=deployed",
	}, {
		"Kustomization/flux-system": "True ReconciliationSucceeded", "Kustomization/one": "True ReconciliationSucceeded",
		// Its object may not be deleted, and neither may that of the release.
		"Kustomization/stuck":   "True ReconciliationSucceeded",
		"HelmRelease/protected": "False UninstallFailed flux-system/protected.v1 chart=picky@1.0.0 status=uninstalling",
		"HelmRelease/umbrella":  "True UpgradeSucceeded flux-system/umbrella.v2 chart=umbrella@1.0.0 status=deployed flux-system/umbrella.v1 chart=umbrella@1.0.0 status=superseded",
		"HelmRelease/again":     "False UpgradeFailed flux-system/again.v2 chart=picky@1.0.0 status=failed flux-system/again.v1 chart=picky@1.0.0 status=deployed",
		"HelmRelease/later":     "True UpgradeSucceeded flux-system/later.v2 chart=picky@1.0.0 status=deployed flux-system/later.v1 chart=picky@1.0.0 status=superseded",
	}}
	for i, s := range result.Steps {
		if d := cmp.Diff(want[i], states(s)); d != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, d)
		}
	}
}

// helm-controller tells what it does to the HelmChart objects, does not go on
// where the server refuses one, and names the kind of a source that it does not
// find in its cache.
func TestReleasesTellOfTheirCharts(t *testing.T) {
	chart := map[string]string{
		"charts/small/Chart.yaml": "{apiVersion: v2, name: small, version: 1.0.0}", "charts/small/templates/all.yaml": configMap("{{ .Release.Name }}", "a"),
	}
	again := strings.Replace(release("again", "small", ""), "interval: 1h, ", "interval: 2h, ", 1)
	base := map[string]string{"clusters/a.yaml": release("gone", "small", ""), "clusters/b.yaml": release("again", "small", "")}
	long := strings.Repeat("long", 17)
	head := map[string]string{"clusters/b.yaml": again, "clusters/d.yaml": release(long, "small", ""), "clusters/c.yaml": `{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: lost, namespace: flux-system},
spec: {interval: 1h, chartRef: {kind: OCIRepository, name: absent}}}`}
	for _, tree := range []map[string]string{base, head} {
		maps.Copy(tree, chart)
	}
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New()}, base, head)
	var told []string
	for _, e := range result.Steps[1].Events {
		if strings.HasPrefix(e.Reason, "HelmChart") {
			told = append(told, e.Message)
		}
	}
	slices.Sort(told)
	want := []string{"Configured HelmChart/flux-system/flux-system-again with SourceRef 'GitRepository/flux-system/flux-system'", "deleted HelmChart 'flux-system/flux-system-gone'",
		fmt.Sprintf("failed to run server-side apply: HelmChart/flux-system/flux-system-%s dry-run failed (Invalid): HelmChart.source.toolkit.fluxcd.io %q is invalid: "+
			"metadata.labels: Invalid value: %q: must be no more than 63 bytes", long, "flux-system-"+long, long)}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	for _, owner := range result.Steps[1].Owners {
		if owner.Ref.Name == long && owner.Ready.Status != "" {
			t.Errorf("a release without HelmChart is ready: %v", owner.Ready)
		}
		if want := `could not get Source object: OCIRepository.source.toolkit.fluxcd.io "absent" not found`; owner.Ref.Name == "lost" && owner.Ready.Message != want {
			t.Errorf("the message is %q, want %q", owner.Ready.Message, want)
		}
	}
}
