package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// dumped are objects as kubectl prints them.
const dumped = `apiVersion: v1
kind: List
items:
- kind: NamespaceList
  apiVersion: v1
  items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: shop, uid: u1, labels: {pod-security.kubernetes.io/enforce: restricted}}}
  - {apiVersion: v1, kind: Namespace, metadata: {name: dying, uid: u2, deletionTimestamp: "2024-01-01T00:00:00Z"}, status: {phase: Terminating}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: in-dying, namespace: dying, uid: u3}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: held, namespace: shop, uid: u4, deletionTimestamp: "2024-01-01T00:00:00Z", finalizers: [example.com/hold]}}
- {apiVersion: v1, kind: Pod, metadata: {name: privileged, namespace: shop, uid: u5, finalizers: [example.com/hold],
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: gone, uid: elsewhere, controller: true}]},
    spec: {nodeName: n1, containers: [{name: c, image: c, securityContext: {privileged: true}}], ephemeralContainers: [{name: d, image: d}]}, status: {phase: Running}}
- {apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: old, namespace: shop, uid: u6}, spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}}
- {apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: old, namespace: shop, uid: u7}, spec: {}}
- {apiVersion: v1, kind: Secret, metadata: {name: redacted, namespace: shop, uid: u8}, data: {p: "***"}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv, uid: u9}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x},
    claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, name: c, namespace: shop, uid: u10, resourceVersion: "3"}}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: shop, uid: u10, finalizers: [kubernetes.io/pvc-protection]},
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, volumeName: pv}, status: {phase: Bound}}
- {apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default, uid: u11}, spec: {clusterIP: 172.20.0.1, clusterIPs: [172.20.0.1], ports: [{port: 443}]}}
- {apiVersion: v1, kind: Service, metadata: {name: dual, namespace: shop, uid: u12}, spec: {clusterIP: 172.20.0.9, clusterIPs: [172.20.0.9, "fd00::9"],
    ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack, type: NodePort, ports: [{port: 80, nodePort: 50080}]}}
- {apiVersion: batch/v1, kind: Job, metadata: {name: job, namespace: shop, uid: u13, labels: {batch.kubernetes.io/controller-uid: u13}}, spec: {selector: {matchLabels: {batch.kubernetes.io/controller-uid: u13}},
    template: {metadata: {labels: {batch.kubernetes.io/controller-uid: u13, controller-uid: u13, job-name: job}}, spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}},
    status: {succeeded: 1, startTime: "2024-01-01T00:00:00Z"}}
- {apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.metrics.k8s.io, uid: u14}, spec: {group: metrics.k8s.io, version: v1beta1,
    groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: metrics-server, namespace: kube-system}}}
- {apiVersion: metrics.k8s.io/v1beta1, kind: NodeMetrics, metadata: {name: n1, uid: u15}}
- {apiVersion: v1, kind: ResourceQuota, metadata: {name: full, namespace: shop, uid: u16}, spec: {hard: {configmaps: "0"}}, status: {hard: {configmaps: "0"}, used: {configmaps: "9"}}}
- {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: gadgets.example.org, uid: u17}, spec: {group: example.org, scope: Namespaced, preserveUnknownFields: true,
    names: {kind: Gadget, plural: gadgets, singular: gadget}, conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {service: {name: x, namespace: y}}}},
    versions: [{name: v1alpha1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}, {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]},
    status: {storedVersions: [v1alpha1, v1]}}
- {apiVersion: example.org/v1alpha1, kind: Gadget, metadata: {name: older, namespace: shop, uid: u18}, spec: {size: 3}, status: {phase: Fine}}
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: chained-1, namespace: shop, uid: u20, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: chained, uid: u19, controller: true, blockOwnerDeletion: true}]},
    spec: {replicas: 1, selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: c}]}}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: chained, namespace: shop, uid: u19, deletionTimestamp: "2024-01-01T00:00:00Z", finalizers: [foregroundDeletion]},
    spec: {selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: c}]}}}}
- {apiVersion: v1, kind: Pod, metadata: {name: ending, namespace: shop, uid: u21, deletionTimestamp: "2024-01-01T00:00:00Z", deletionGracePeriodSeconds: 30}, spec: {nodeName: n1, containers: [{name: c, image: c}]}}
- {apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: all, uid: u22}, webhooks: [{name: all.example.org, admissionReviewVersions: [v1], sideEffects: None,
    failurePolicy: Fail, clientConfig: {service: {name: x, namespace: y}}, rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"]}]}]}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: settings, namespace: shop, uid: u23, labels: {kustomize.toolkit.fluxcd.io/name: app, kustomize.toolkit.fluxcd.io/namespace: flux-system}}
  data: {A: one, B: two, HAND: made}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: dropped, namespace: shop, uid: u24, labels: {kustomize.toolkit.fluxcd.io/name: app, kustomize.toolkit.fluxcd.io/namespace: flux-system}}}
- apiVersion: kustomize.toolkit.fluxcd.io/v1
  kind: Kustomization
  metadata: {name: app, namespace: flux-system, uid: u25, generation: 4, finalizers: [finalizers.fluxcd.io],
    labels: {kustomize.toolkit.fluxcd.io/name: flux-system, kustomize.toolkit.fluxcd.io/namespace: flux-system}}
  spec: {interval: 1h, path: ./app, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
  status: {observedGeneration: 4, inventory: {entries: [{id: shop_settings__ConfigMap, v: v1}, {id: shop_dropped__ConfigMap, v: v1}]},
    conditions: [{type: Ready, status: "True", reason: ReconciliationSucceeded, message: Applied, lastTransitionTime: "2024-01-01T00:00:00Z", observedGeneration: 4}]}
`

func liveObjects(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	var unpack func(items []any)
	unpack = func(items []any) {
		for _, item := range items {
			m, _ := item.(map[string]any)
			if list, ok := m["items"].([]any); ok {
				unpack(list)
				continue
			}
			out = append(out, &unstructured.Unstructured{Object: m})
		}
	}
	m, err := repo.FromFiles(map[string]string{"dump.yaml": dumped}).Documents()[0].Map()
	if err != nil {
		t.Fatal(err)
	}
	unpack([]any{m})
	return out
}

// A dump comes back as it was, whatever is in it: what goes on being deleted,
// other ranges of addresses, older versions, what its policies would refuse now.
// The base revision tells which fields Flux has applied, so that head can drop them.
func TestDump(t *testing.T) {
	settings := func(data string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {" + data + "}}"
	}
	base := map[string]string{"clusters/app.yaml": child("app", ""), "app/settings.yaml": settings("A: one, B: two")}
	head := map[string]string{"clusters/app.yaml": child("app", ""), "app/settings.yaml": settings("A: one")}
	o := simulate.Options{Live: liveObjects(t), States: true}
	result := played(t, o, base, head)

	var notes []string
	for _, n := range result.Steps[0].Notes {
		notes = append(notes, strings.ReplaceAll(n, "'", ""))
	}
	slices.Sort(notes)
	want := []string{
		"APIService/v1beta1.metrics.k8s.io is not served: its pods do not run here",
		"CustomResourceDefinition/gadgets.example.org is served without its conversion webhook: its pods do not run here",
		"Secret/shop/redacted has values that are not in base64: what differs in them is not what the cluster has",
		`the live object Ingress/shop/old is left out: no matches for kind "Ingress" in version "extensions/v1beta1"`,
		"the live object PodDisruptionBudget/shop/old is taken as policy/v1: the server does not serve policy/v1beta1",
	}
	if d := cmp.Diff(want, slices.DeleteFunc(notes, func(n string) bool { return strings.HasPrefix(n, "webhook") })); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
	var have []string
	for _, u := range result.States[0] {
		if u.GetNamespace() == "shop" && u.GetName() != "default" || strings.HasSuffix(u.GetName(), "dying") || u.GetKind() == "PersistentVolume" {
			have = append(have, u.GetKind()+"/"+u.GetName())
		}
	}
	slices.Sort(have)
	want = []string{"ConfigMap/held", "ConfigMap/settings", "Gadget/older", "Job/job", "PersistentVolume/pv", "PersistentVolumeClaim/c",
		"Pod/privileged", "PodDisruptionBudget/old", "ResourceQuota/full", "Secret/redacted", "Service/dual"}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("the cluster holds (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"ConfigMap/shop/dropped delete", "ConfigMap/shop/settings unchanged"}, changesIn(result.Steps[0], "shop")); d != "" {
		t.Errorf("base (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"ConfigMap/shop/settings update /data/B removed"}, changesIn(result.Steps[1], "shop")); d != "" {
		t.Errorf("head (-want +got):\n%s", d)
	}
	if notes := strings.Join(result.Steps[1].Notes, "\n"); !strings.Contains(notes,
		`webhook "all.example.org" of MutatingWebhookConfiguration/all is not called: its pods do not run here; it would see ConfigMap/shop/settings`) {
		t.Errorf("what a webhook would see is not among the notes:\n%s", notes)
	}
}

// changesIn lists the changes of objects of a namespace, with their fields.
func changesIn(s simulate.Step, namespace string) []string {
	var out []string
	for _, c := range s.Changes {
		if c.Object.Namespace != namespace {
			continue
		}
		line := fmt.Sprintf("%s %s", c.Object, c.Action)
		for _, f := range c.Fields {
			line += fmt.Sprintf(" %s %s", f.Pointer, f.Kind)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// The objects of another cluster never reach this one, and what hinders the
// controllers before they call it is told in their words.
func TestAnotherCluster(t *testing.T) {
	tree := map[string]string{
		"clusters/far.yaml": child("far", "kubeConfig: {secretRef: {name: far}},"), "far/cm.yaml": configMap("far", "one"),
		"clusters/lost.yaml": child("lost", "kubeConfig: {secretRef: {name: lost}},"), "lost/cm.yaml": configMap("lost", "one"),
	}
	secret := made(t, `{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: flux-system, uid: u1}, stringData: {value: "{apiVersion: v1, kind: Config,
clusters: [{name: c, cluster: {server: 'https://c.test'}}], contexts: [{name: x, context: {cluster: c}}], current-context: x}"}}`)
	result := played(t, simulate.Options{Live: []*unstructured.Unstructured{secret}, States: true}, tree)
	got := map[string]string{}
	for _, o := range result.Steps[0].Owners {
		if o.Ref.Name == "far" || o.Ref.Name == "lost" {
			got[o.Ref.Name] = o.Ready.Status + " " + o.Ready.Reason + " " + o.Ready.Message
		}
	}
	want := map[string]string{
		"far":  "Unknown Unknown its objects belong to the cluster of spec.kubeConfig, which is not replayed",
		"lost": `False ReconciliationFailed unable to read KubeConfig secret 'flux-system/lost' error: secrets "lost" not found`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("owners (-want +got):\n%s", d)
	}
	for _, u := range result.States[0] {
		if u.GetKind() == "ConfigMap" && (u.GetName() == "far" || u.GetName() == "lost") {
			t.Errorf("%s is in this cluster", u.GetName())
		}
	}
}

func made(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	m, err := repo.FromFiles(map[string]string{"o.yaml": text}).Documents()[0].Map()
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: m}
}
