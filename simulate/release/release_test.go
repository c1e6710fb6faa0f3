package release

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
)

// plane is the control plane of all tests of this package.
var plane *controlplane.Plane

func TestMain(m *testing.M) {
	if code, ran := controlplane.Main(); ran {
		os.Exit(code)
	}
	var err error
	if plane, err = controlplane.Start(context.Background(), controlplane.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestInstallUpgradeUninstall(t *testing.T) {
	p := newPlay(t, "life")
	both := chart{"templates/a.yaml": configMap("a", "size: {{ .Values.size | quote }}"), "templates/b.yaml": configMap("b", "key: value")}
	p.want("  values: {size: 1}")
	p.expect(p.reconcile(both), outcome{
		Ready: "True InstallSucceeded: Helm install succeeded for release life/app.v1 with chart demo@1.0.0", Next: "interval",
		Conditions: []string{"Released=True InstallSucceeded"},
		History:    []string{"life/app.v1 chart=demo@1.0.0 status=deployed"},
		Inventory:  []string{"life_a__ConfigMap v1", "life_b__ConfigMap v1"},
		Events:     []string{"Normal InstallSucceeded"},
	})
	labels := p.live("v1", "ConfigMap", "a")["metadata"].(map[string]any)["labels"]
	if diff := cmp.Diff(map[string]any{
		"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "app", "helm.toolkit.fluxcd.io/namespace": "life",
	}, labels); diff != "" {
		t.Errorf("labels (-want +have):\n%s", diff)
	}

	again := p.reconcile(chart{"templates/a.yaml": configMap("a", "other: template")})
	if len(again.Events) > 0 || p.data("a")["size"] != "1" {
		t.Errorf("another template of the same version and values upgrades: %v, data %v", again.Events, p.data("a"))
	}

	p.want("  values: {size: 2}")
	p.expect(p.reconcile(chart{"templates/a.yaml": both["templates/a.yaml"]}), outcome{
		Ready: "True UpgradeSucceeded: Helm upgrade succeeded for release life/app.v2 with chart demo@1.0.0", Next: "interval",
		Conditions: []string{"Released=True UpgradeSucceeded"},
		History:    []string{"life/app.v2 chart=demo@1.0.0 status=deployed", "life/app.v1 chart=demo@1.0.0 status=superseded"},
		Inventory:  []string{"life_a__ConfigMap v1"},
		Events:     []string{"Normal UpgradeSucceeded"},
	})
	if p.data("a")["size"] != "2" || p.live("v1", "ConfigMap", "b") != nil {
		t.Errorf("after the upgrade a is %v and the dropped b %v", p.data("a"), p.live("v1", "ConfigMap", "b"))
	}

	gone := p.uninstall()
	if len(gone.Events) != 1 || gone.Events[0].Message != "Helm uninstall succeeded for release life/app.v2 with chart demo@1.0.0" {
		t.Errorf("events of the uninstall are %v", gone.Events)
	}
	var secrets unstructured.UnstructuredList
	secrets.SetAPIVersion("v1")
	secrets.SetKind("SecretList")
	if err := p.client.List(t.Context(), &secrets, client.InNamespace("life")); err != nil {
		t.Fatal(err)
	}
	if p.live("v1", "ConfigMap", "a") != nil || len(secrets.Items) > 0 {
		t.Errorf("after the uninstall a is %v, %d Secrets are left", p.data("a"), len(secrets.Items))
	}
}

const workload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: {{ .Values.app }}}}
  template:
    metadata: {labels: {app: {{ .Values.app }}}}
    spec: {containers: [{name: c, image: i}]}
`

func TestImmutableFieldFailsUpgrade(t *testing.T) {
	c := chart{"templates/web.yaml": workload, "templates/a.yaml": configMap("a", "app: {{ .Values.app }}")}
	refused := `Helm upgrade failed for release %s/app with chart demo@1.0.0: server-side apply failed for object %s/web apps/v1, Kind=Deployment: ` +
		`Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"two"}}: field is immutable`
	for _, row := range []struct {
		reason, namespace, spec string
		want                    outcome
		data                    string
	}{
		{reason: "without remediation the release stays half upgraded", namespace: "plain", data: "two", want: outcome{
			Ready: "False UpgradeFailed: " + fmt.Sprintf(refused, "plain", "plain"), Next: "never",
			Conditions: []string{"Released=False UpgradeFailed", "Stalled=True RetriesExceeded"},
			History:    []string{"plain/app.v2 chart=demo@1.0.0 status=failed", "plain/app.v1 chart=demo@1.0.0 status=deployed"},
			Events:     []string{"Warning UpgradeFailed"},
		}},
		{reason: "remediateLastFailure rolls back", namespace: "back", spec: "  upgrade: {remediation: {remediateLastFailure: true}}\n", data: "one", want: outcome{
			Ready: "False RollbackSucceeded: Helm rollback to previous release back/app.v1 with chart demo@1.0.0 succeeded", Next: "never",
			Conditions: []string{"Released=False UpgradeFailed", "Remediated=True RollbackSucceeded", "Stalled=True RetriesExceeded"},
			History: []string{"back/app.v3 chart=demo@1.0.0 status=deployed", "back/app.v2 chart=demo@1.0.0 status=failed",
				"back/app.v1 chart=demo@1.0.0 status=superseded"},
			Events: []string{"Warning UpgradeFailed", "Normal RollbackSucceeded"},
		}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			p := newPlay(t, row.namespace)
			p.want(row.spec + "  values: {app: one}")
			if ready := p.reconcile(c).Ready(); ready.Status != "True" {
				t.Fatalf("the install ends in %v", ready)
			}
			p.want(row.spec + "  values: {app: two}")
			row.want.Inventory = []string{row.namespace + "_a__ConfigMap v1", row.namespace + "_web_apps_Deployment v1"}
			p.expect(p.reconcile(c), row.want)
			if got := p.data("a")["app"]; got != row.data {
				t.Errorf("the ConfigMap of the release says %q, want %q", got, row.data)
			}
		})
	}
}

func TestAdoption(t *testing.T) {
	c := chart{"templates/a.yaml": configMap("a", "from: chart")}
	foreign := "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: %s}, data: {from: foreign, kept: here}}"
	p := newPlay(t, "adopt")
	p.apply(fmt.Sprintf(foreign, "adopt"))
	p.want("")
	if ready := p.reconcile(c).Ready(); ready.Status != "True" {
		t.Errorf("adopting ends in %v", ready)
	}
	if diff := cmp.Diff(map[string]any{"from": "chart", "kept": "here"}, p.data("a")); diff != "" {
		t.Errorf("adopted data (-want +have):\n%s", diff)
	}

	p = newPlay(t, "noadopt")
	p.apply(fmt.Sprintf(foreign, "noadopt"))
	p.want("  install: {disableTakeOwnership: true}")
	got := p.reconcile(c)
	if ready := got.Ready(); ready.Reason != "InstallFailed" ||
		!strings.Contains(ready.Message, `ConfigMap "a" in namespace "noadopt" exists and cannot be imported into the current release: invalid ownership metadata`) {
		t.Errorf("not adopting ends in %v", ready)
	}
	if got.Next != Later || len(got.History()) > 0 {
		t.Errorf("a failure before anything is stored is tried again: %s, history %v", got.Next, got.History())
	}
}

func definition(fields string) string {
	return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.` + "%[1]s" + `.example.com}
spec:
  group: ` + "%[1]s" + `.example.com
  scope: Namespaced
  names: {kind: Gear, plural: gears}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {` + fields + `}}}}}
`
}

func TestDefinitionsOfAChart(t *testing.T) {
	gear := "apiVersion: %[1]s.example.com/v1\nkind: Gear\nmetadata: {name: g}\nspec: {{ toJson .Values.spec }}\n"
	versions := func(group, fields, version string) chart {
		return chart{
			"Chart.yaml":          "{apiVersion: v2, name: demo, version: " + version + "}",
			"crds/gear.yaml":      fmt.Sprintf(definition(fields), group),
			"templates/gear.yaml": fmt.Sprintf(gear, group),
		}
	}
	const small, large = "a: {type: string}", "a: {type: string}, b: {type: string}"
	for _, row := range []struct{ reason, group, policy, ready, message string }{
		{"the unset policy updates", "gear-unset", "", "UpgradeSucceeded", "Helm upgrade succeeded"},
		{"CreateReplace updates", "gear-replace", "  upgrade: {crds: CreateReplace}\n", "UpgradeSucceeded", "Helm upgrade succeeded"},
		{"Skip leaves the old definition", "gear-skip", "  upgrade: {crds: Skip}\n", "UpgradeFailed", ".spec.b: field not declared in schema"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			p := newPlay(t, row.group)
			p.want(row.policy + "  values: {spec: {a: x}}")
			got := p.reconcile(versions(row.group, small, "1.0.0"))
			if got.Ready().Reason != "InstallSucceeded" {
				t.Fatalf("the install of a definition and its object ends in %v", got.Ready())
			}
			if want := fmt.Sprintf("_gears.%s.example.com_apiextensions.k8s.io_CustomResourceDefinition v1", row.group); got.Inventory()[0] != want {
				t.Errorf("the inventory is %q, want %q first", got.Inventory(), want)
			}
			p.want(row.policy + "  values: {spec: {a: x, b: text}}")
			if ready := p.reconcile(versions(row.group, large, "2.0.0")).Ready(); ready.Reason != row.ready || !strings.Contains(ready.Message, row.message) {
				t.Errorf("the upgrade ends in %v, want %s with %q", ready, row.ready, row.message)
			}
		})
	}
	p := newPlay(t, "gear-install")
	p.want("  install: {crds: Skip}\n  values: {spec: {a: x}}")
	if ready := p.reconcile(versions("gear-install", small, "1.0.0")).Ready(); !strings.Contains(ready.Message, `no matches for kind "Gear"`) {
		t.Errorf("an install that skips its definition ends in %v", ready)
	}
}

func TestTargetChangeInstallsAnew(t *testing.T) {
	p := newPlay(t, "moved")
	c := chart{"templates/a.yaml": configMap("{{ .Release.Name }}", "key: value")}
	p.want("  releaseName: old")
	p.reconcile(c)
	p.want("  releaseName: new")
	first := p.reconcile(c)
	if first.Next != Anew || len(first.Events) != 1 || first.Events[0].Reason != "UninstallSucceeded" {
		t.Errorf("the first round is %s with events %v", first.Next, first.Events)
	}
	second := p.reconcile(c)
	if diff := cmp.Diff([]string{"moved/new.v1 chart=demo@1.0.0 status=deployed"}, second.History()); diff != "" {
		t.Errorf("history (-want +have):\n%s", diff)
	}
	if p.live("v1", "ConfigMap", "old") != nil || p.live("v1", "ConfigMap", "new") == nil {
		t.Error("the old object is there, or the new one is not")
	}
}

func TestHealthFailsTheAction(t *testing.T) {
	p := newPlay(t, "sick")
	p.want("")
	req := Request{Config: p.config, Object: p.object, Settings: render.DefaultSettings(),
		Prepared: p.prepare(chart{"templates/a.yaml": configMap("a", "key: value")}),
		Health: func(_ context.Context, w Wait) error {
			return fmt.Errorf("%s/%s is not %s", w.Objects[0].GetKind(), w.Objects[0].GetName(), w.For)
		}}
	got := p.keep(Reconcile(t.Context(), req))
	if want := "Helm install failed for release sick/app with chart demo@1.0.0: ConfigMap/a is not healthy"; got.Ready().Message != want {
		t.Errorf("ready is %v, want %q", got.Ready(), want)
	}
}

func TestDriftIsCorrected(t *testing.T) {
	p := newPlay(t, "drift")
	c := chart{"templates/a.yaml": configMap("a", "from: chart"), "templates/b.yaml": configMap("b", "from: chart")}
	p.want("  driftDetection: {mode: enabled}")
	p.reconcile(c)
	edited := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": "drift"}, "data": map[string]any{"from": "edited"},
	}}
	if err := p.client.Patch(t.Context(), edited, client.Merge); err != nil {
		t.Fatal(err)
	}
	lost := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	lost.SetName("b")
	lost.SetNamespace("drift")
	if err := p.client.Delete(t.Context(), lost, &client.DeleteOptions{Preconditions: &metav1.Preconditions{}}); err != nil {
		t.Fatal(err)
	}
	got := p.reconcile(c)
	want := []Event{
		{"Warning", "DriftDetected", "Cluster state of release drift/app.v1 has drifted from the desired state:\n" +
			"ConfigMap/drift/a changed (0 additions, 1 changes, 0 removals)\nConfigMap/drift/b removed"},
		{"Normal", "DriftCorrected", "Cluster state of release drift/app.v1 has been corrected:\nConfigMap/drift/b created\nConfigMap/drift/a configured"},
	}
	if diff := cmp.Diff(want, got.Events); diff != "" {
		t.Errorf("events (-want +have):\n%s", diff)
	}
	if p.data("a")["from"] != "chart" || p.data("b")["from"] != "chart" {
		t.Errorf("after the correction the data are %v and %v", p.data("a"), p.data("b"))
	}
}
