package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// child is a Kustomization of the folder of its name.
func child(name, more string) string {
	return fmt.Sprintf(`{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: %s, namespace: flux-system},
spec: {interval: 1h, path: ./%s, prune: true, %s sourceRef: {kind: GitRepository, name: flux-system}}}`, name, name, more)
}

func configMap(name, value string) string {
	return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", namespace: default}, data: {A: " + value + "}}"
}

func ingress(name string) string {
	return "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: " + name + ", namespace: default}, spec: {rules: [{host: shop.test, " +
		"http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}"
}

func values(value string) string {
	return "{apiVersion: v1, kind: ConfigMap, metadata: {name: values, namespace: flux-system}, data: {VALUE: " + value + "}}"
}

func deployment(name, more string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, namespace: default, annotations: {kustomize.toolkit.fluxcd.io/force: enabled}},
spec: {selector: {matchLabels: {app: LABEL}}, %[2]s template: {metadata: {labels: {app: LABEL}},
spec: {containers: [{name: main, image: "IMAGE", env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: A}}}]}]}}}}`, name, more)
}

func workload(name, label, image string) string {
	return strings.NewReplacer("LABEL", label, "IMAGE", image).Replace(deployment(name, ""))
}

const (
	claim  = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: default}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}"
	widget = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: default}}"
	crd    = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, scope: Namespaced,
names: {kind: Widget, plural: widgets, singular: widget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`
	kept = "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: default, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}}"
	role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: default}, rules: [{apiGroups: [''], resources: [pods], verbs: [VERBS]}]}"
)

// fleet is a repository with one mistake of each kind between base and head.
func fleet() (base, head map[string]string) {
	base = map[string]string{
		"clusters/alpha.yaml": child("alpha", ""), "clusters/beta.yaml": child("beta", ""), "clusters/gamma.yaml": child("gamma", ""),
		"clusters/paused.yaml": child("paused", ""), "clusters/waking.yaml": child("waking", "suspend: true,"),
		"alpha/claim.yaml": claim, "alpha/moved.yaml": configMap("moved", "one"), "alpha/crd.yaml": crd, "alpha/kept.yaml": kept,
		"beta/settings.yaml": configMap("settings", "one"), "beta/role.yaml": strings.Replace(role, "VERBS", "get", 1),
		"beta/reader.yaml": workload("reader", "reader", "reader:1"), "beta/api.yaml": workload("api", "api", "api:1"),
		"gamma/idle.yaml": strings.Replace(workload("idle", "idle", "idle:1"), "selector:", "replicas: 1, selector:", 1),
		"gamma/web.yaml":  workload("web", "web", "web:1"),
		"alpha/dull.yaml": configMap("dull", "one"), "paused/cm.yaml": configMap("paused", "one"), "waking/cm.yaml": configMap("waking", "one"),
	}
	base["clusters/old.yaml"], base["old/renamed.yaml"] = child("old", ""), configMap("renamed", "one")
	base["clusters/reader.yaml"] = child("reader", "postBuild: {substituteFrom: [{kind: ConfigMap, name: values}]},")
	base["clusters/values.yaml"] = values("one")
	base["reader/cm.yaml"] = configMap("reading", `"${VALUE}"`)
	base["gamma/service.yaml"] = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: default}, spec: {selector: {app: web}, ports: [{port: 80}]}}"
	base["beta/front.yaml"] = ingress("front")
	head = maps.Clone(base)
	head["gamma/front.yaml"] = ingress("second")
	delete(head, "clusters/old.yaml")
	delete(head, "old/renamed.yaml")
	head["clusters/new.yaml"], head["new/renamed.yaml"] = child("new", ""), configMap("renamed", "one")
	head["clusters/values.yaml"] = values("two")
	head["broken/space.yaml"] = "{apiVersion: v1, kind: Namespace, metadata: {name: stays}}"
	for _, gone := range []string{"claim", "moved", "crd", "kept"} {
		delete(head, "alpha/"+gone+".yaml")
	}
	head["beta/moved.yaml"] = configMap("moved", "one")
	head["beta/settings.yaml"] = configMap("settings", "two")
	head["beta/role.yaml"] = strings.Replace(role, "VERBS", "get, delete", 1)
	head["beta/api.yaml"] = workload("api", "api", "api:2")
	head["gamma/idle.yaml"] = strings.Replace(base["gamma/idle.yaml"], "replicas: 1", "replicas: 0", 1)
	head["gamma/web.yaml"] = workload("web", "shop", "web:1")
	head["gamma/settings.yaml"] = configMap("dull", "three")
	head["clusters/paused.yaml"] = child("paused", "suspend: true,")
	head["clusters/waking.yaml"] = child("waking", "")
	head["clusters/broken.yaml"] = child("broken", "")
	head["broken/homeless.yaml"] = strings.Replace(configMap("homeless", "one"), "default", "nowhere", 1)
	head["broken/gadget.yaml"] = "{apiVersion: example.org/v1, kind: Gadget, metadata: {name: g, namespace: default}}"
	head["broken/negative.yaml"] = strings.Replace(workload("negative", "n", "n:1"), "selector:", "replicas: -1, selector:", 1)
	head["broken/fine.yaml"] = configMap("fine", "one")
	return base, head
}

func rehearse(t *testing.T, order []simulate.Precedence) simulate.Step {
	t.Helper()
	base, head := fleet()
	result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(),
		Steps: []simulate.StepInput{{}, {Apply: []simulate.Edit{edit(t, widget)}, Order: order}}}, base, head)
	if n := len(result.Steps[0].Facts); n != 0 {
		t.Errorf("an empty cluster gives %d facts: %v", n, result.Steps[0].Facts)
	}
	return result.Steps[1]
}

// A replay on a real server gives each kind of fact, and no other.
func TestFacts(t *testing.T) {
	step := rehearse(t, nil)
	var got []string
	for _, f := range step.Facts {
		line := fmt.Sprintf("%s %s %s", f.Severity, f.Fact, f.Object)
		for _, o := range f.Others {
			line += " " + o.String()
		}
		got = append(got, line)
	}
	want := []string{
		"error contested ConfigMap/default/dull Kustomization/flux-system/gamma",
		"error data-deleted CustomResourceDefinition/widgets.example.com Widget/default/w",
		"error data-deleted PersistentVolumeClaim/default/data",
		"warning host-contested Ingress/default/second Ingress/default/front",
		"warning orphaned ConfigMap/default/kept",
		"warning orphaned Namespace/stays",
		"warning privilege-widened Role/default/r",
		"warning recreated ConfigMap/default/renamed",
		"warning recreated Deployment/default/web",
		"warning resumed Kustomization/flux-system/waking ConfigMap/default/waking",
		"warning scaled-to-zero Deployment/default/idle",
		"warning selects-nothing Service/default/web Deployment/default/web",
		"warning stale-environment ConfigMap/default/settings Deployment/default/reader",
		"warning suspended Kustomization/flux-system/paused",
		"info image-changed Deployment/default/api",
		"info restarted Deployment/default/api",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	if got, want := step.Facts[0].Message, "is applied by Kustomization/flux-system/alpha and by Kustomization/flux-system/gamma, "+
		"which set by turns: data.A (alpha/dull.yaml:1 and gamma/settings.yaml:1)"; got != want {
		t.Errorf("who fights over which field, and where:\n%s\nwant\n%s", got, want)
	}
	refusals(t, step)

	other := simulate.Compare(step, rehearse(t, step.Open))
	got = nil
	for _, f := range other {
		got = append(got, f.Object.String()+" "+f.Message)
	}
	want = []string{"ConfigMap/default/moved is taken over as it is if Kustomization/flux-system/beta comes first, " +
		"and deleted and created again if Kustomization/flux-system/alpha does",
		"ConfigMap/default/renamed is deleted and created again if Kustomization/flux-system/old comes first, " +
			"and taken over as it is if Kustomization/flux-system/new does",
		"Kustomization/flux-system/reader applies 1 object with the values that ConfigMap/flux-system/values had before if it comes before " +
			"Kustomization/flux-system/flux-system, until its next interval, and with the new values if it comes after"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the other order (-want +got):\n%s", d)
	}
}

// refusals: all mistakes of a stage are shown, one of which Flux stops at.
func refusals(t *testing.T, step simulate.Step) {
	t.Helper()
	hints := map[string]string{}
	stops := 0
	for _, c := range step.Changes {
		if c.Action == diff.Fail {
			hints[c.Object.String()] = c.Error.Hint
			if !c.Beyond {
				stops++
			}
		}
	}
	want := map[string]string{
		"ConfigMap/nowhere/homeless":  `add Namespace "nowhere" to what Kustomization/flux-system/broken applies`,
		"Deployment/default/negative": "",
		"Gadget/default/g":            `add the CustomResourceDefinition of Gadget in group "example.org", version "v1", to what is applied before`,
	}
	if d := cmp.Diff(want, hints); d != "" {
		t.Errorf("hints (-want +got):\n%s", d)
	}
	if stops != 1 {
		t.Errorf("Flux stops at %d objects, want 1", stops)
	}
}
