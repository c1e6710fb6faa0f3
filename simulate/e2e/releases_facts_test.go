package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// ofChart is a HelmRelease of the chart of this repository.
func ofChart(name, spec, values string) string {
	return fmt.Sprintf(`{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: %s, namespace: default},
spec: {interval: 1h, %s chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}, values: {%s}}}`, name, spec, values)
}

// chart makes a Deployment, and a ConfigMap that Helm keeps.
const chart = `apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Values.name }}"}
spec:
  selector: {matchLabels: {app: "{{ .Values.label }}"}}
  template:
    metadata: {labels: {app: "{{ .Values.label }}"}}
    spec: {containers: [{name: main, image: "{{ .Values.image }}"}]}
{{ if .Values.keep }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Values.name }}-data", annotations: {helm.sh/resource-policy: keep}}
{{ end }}
`

const (
	twoVersions = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, scope: Namespaced,
names: {kind: Widget, plural: widgets, singular: widget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}},
{name: v1beta1, served: SERVED, storage: false, schema: {openAPIV3Schema: {type: object}}}]}}`
	budget  = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web, namespace: default}, spec: {minAvailable: 1, selector: {matchLabels: {tier: front}}}}"
	fence   = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: default}, spec: {podSelector: {matchLabels: {tier: front}}}}"
	service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default}, spec: {ports: [{port: 80}]}}"
)

// market is a repository with releases at three revisions: what is wrong with
// the last one differs from that of fleet.
func market() (base, paused, head map[string]string) {
	tiered := func(tier string) string {
		return strings.Replace(workload("web", "web", "web:1"), "labels: {app: web}}", "labels: {app: web, tier: "+tier+"}}", 1)
	}
	base = map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{label: app, image: 'app:1'}", "chart/templates/all.yaml": chart,
		"clusters/releases.yaml": child("releases", ""), "clusters/rival.yaml": child("rival", ""), "clusters/plain.yaml": child("plain", ""),
		"clusters/late.yaml": child("late", ""), "clusters/keeper.yaml": strings.Replace(child("keeper", ""), "prune: true", "prune: false", 1),
		"releases/one.yaml": ofChart("one", "", "name: one"), "releases/two.yaml": ofChart("two", "", "name: two"),
		"releases/asleep.yaml": ofChart("asleep", "", "name: asleep"),
		"releases/spaced.yaml": ofChart("spaced", "targetNamespace: extra, install: {createNamespace: true},", "name: spaced, keep: true"),
		"releases/fails.yaml":  ofChart("fails", "", "name: fails"), "releases/waits.yaml": ofChart("waits", "dependsOn: [{name: fails}],", "name: waits"),
		"releases/renamed.yaml": ofChart("renamed", "", "name: renamed"),
		"rival/cm.yaml":         configMap("rival", "one"), "late/cm.yaml": configMap("late", "one"),
		"keeper/cm.yaml": configMap("keeper", "one"), "keeper/old.yaml": configMap("old", "one"),
		"plain/crd.yaml": strings.Replace(twoVersions, "SERVED", "true", 1), "plain/web.yaml": tiered("front"),
		"plain/front.yaml": ingress("front"), "plain/web-service.yaml": service, "plain/budget.yaml": budget, "plain/fence.yaml": fence,
	}
	base["clusters/needy.yaml"] = child("needy", "postBuild: {substituteFrom: [{kind: ConfigMap, name: values}]},")
	base["clusters/values.yaml"], base["needy/cm.yaml"] = values("one"), configMap("needy", `"${VALUE}"`)
	paused = maps.Clone(base)
	paused["releases/asleep.yaml"] = ofChart("asleep", "suspend: true,", "name: asleep, image: 'app:2'")
	head = maps.Clone(base)
	delete(head, "clusters/values.yaml")
	head["releases/asleep.yaml"] = ofChart("asleep", "", "name: asleep, image: 'app:2', keep: true")
	head["rival/one.yaml"] = workload("one", "app", "rival:1")
	head["releases/three.yaml"] = ofChart("three", "", "name: two, image: 'app:3'")
	delete(head, "releases/spaced.yaml")
	head["releases/fails.yaml"] = ofChart("fails", "", "name: fails, label: other")
	head["releases/waits.yaml"] = ofChart("waits", "dependsOn: [{name: fails}],", "name: waits, image: 'app:2'")
	head["releases/renamed.yaml"] = ofChart("renamed", "releaseName: other,", "name: renamed")
	head["plain/crd.yaml"] = strings.Replace(twoVersions, "SERVED", "false", 1)
	head["plain/web.yaml"] = tiered("back")
	head["plain/front.yaml"] = ingress("next")
	delete(head, "plain/web-service.yaml")
	head["clusters/late.yaml"], head["late/cm.yaml"] = child("late", "suspend: true,"), configMap("late", "two")
	head["clusters/keeper.yaml"] = child("keeper", "")
	delete(head, "keeper/old.yaml")
	return base, paused, head
}

func trade(t *testing.T, order []simulate.Precedence) []simulate.Step {
	t.Helper()
	base, paused, head := market()
	old := `{apiVersion: example.com/v1beta1, kind: Widget, metadata: {name: w, namespace: default, labels: {old: "yes"}}}`
	return replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Releases: releases.New(),
		Steps: []simulate.StepInput{{}, {Name: "second"}, {Name: "head", Apply: []simulate.Edit{edit(t, old)}, Order: order}}}, base, paused, head).Steps
}

func lines(list []finding.Fact) []string {
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s %s %s %s", f.Severity, f.Fact, f.Object, f.Message))
	}
	return out
}

// Releases give facts as Kustomizations do, on a real server.
func TestFactsOfReleases(t *testing.T) {
	steps := trade(t, nil)
	if d := cmp.Diff([]string{"warning suspended HelmRelease/default/asleep is suspended from now on: 1 change will be applied when it is resumed"}, lines(steps[1].Facts)); d != "" {
		t.Errorf("the release falls asleep (-want +got):\n%s", d)
	}
	want := []string{
		"error contested Deployment/default/one is applied by HelmRelease/default/one and by Kustomization/flux-system/rival, " +
			"which set by turns: spec.template.spec.containers[main].image (chart/templates/all.yaml and rival/one.yaml:3)",
		"error contested Deployment/default/two is applied by HelmRelease/default/three and by HelmRelease/default/two, " +
			"which set by turns: spec.template.spec.containers[main].image",
		"warning host-moved Ingress/default/next serves shop.test (/) from now on, instead of Ingress/default/front",
		`warning orphaned ConfigMap/default/old stays in the cluster, and no Flux object looks after it any more: its owner has "prune: false"`,
		"warning orphaned ConfigMap/extra/spaced-data stays in the cluster, and no Flux object looks after it any more: " +
			"it is annotated with helm.sh/resource-policy: keep",
		"warning orphaned Namespace/extra stays in the cluster, and no Flux object looks after it any more: Helm has created it for a release, and deletes no namespace",
		"warning recreated Deployment/default/renamed is deleted and created again, which destroys all its pods at once, before new ones start",
		`warning recreated HelmRelease/default/renamed uninstalls its release "default/renamed" of chart "app" and installs "default/other" of chart "app" ` +
			"instead of upgrading it: all that it runs stops and starts anew",
		"warning resumed HelmRelease/default/asleep is resumed, and applies 2 changes at once, 1 of which has piled up before this change",
		"warning selects-nothing Ingress/default/next sends requests to Service/default/web, which is there no more",
		"warning selects-nothing NetworkPolicy/default/web selects no workload of the cluster any more, and selected Deployment/default/web before",
		"warning selects-nothing PodDisruptionBudget/default/web selects no workload of the cluster any more, and selected Deployment/default/web before",
		"warning suspended Kustomization/flux-system/late is suspended from now on",
		"warning version-unserved CustomResourceDefinition/widgets.example.com serves v1beta1 no more, and 1 object of its kind is written in it",
		`info image-changed Deployment/default/asleep container "main" gets the image app:2 instead of app:1`,
		`info image-changed Deployment/default/one container "main" gets the image rival:1 instead of app:1`,
		`info image-changed Deployment/default/two container "main" gets the image app:3 instead of app:1`,
		"info reads-nothing Deployment/default/one refers to ConfigMap/default/settings from now on, which nobody in the repository makes",
		"info restarted Deployment/default/asleep its pods are replaced, some at a time",
		"info restarted Deployment/default/one its pods are replaced, some at a time",
		"info restarted Deployment/default/two its pods are replaced, some at a time",
		"info restarted Deployment/default/web its pods are replaced, some at a time",
	}
	if d := cmp.Diff(want, lines(steps[2].Facts)); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	var blocked []string
	for _, c := range steps[2].Changes {
		if c.Action == diff.Blocked {
			blocked = append(blocked, c.Owner.String()+" "+c.Object.String())
		}
	}
	if d := cmp.Diff([]string{"HelmRelease/default/waits Deployment/default/waits"}, blocked); d != "" {
		t.Errorf("what a release that waits does not apply (-want +got):\n%s", d)
	}
	other := trade(t, steps[2].Open)
	want = []string{
		"warning order-dependent Kustomization/flux-system/keeper still has the spec that it had before if it comes before Kustomization/flux-system/flux-system, " +
			"so that 1 object is left in the cluster without an owner, and has its new spec if it comes after, so that it is deleted",
		"warning order-dependent Kustomization/flux-system/late still has the spec that it had before if it comes before Kustomization/flux-system/flux-system, " +
			"so that 1 object is changed, and has its new spec if it comes after, so that it is left as it is",
		"warning order-dependent Kustomization/flux-system/needy is ready if Kustomization/flux-system/needy comes first, " +
			"and not ready (BuildFailed) if Kustomization/flux-system/flux-system does",
	}
	if d := cmp.Diff(want, lines(simulate.Compare(steps[2], other[2]))); d != "" {
		t.Errorf("the other order (-want +got):\n%s", d)
	}
}
