package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// runs is a workload of a namespace, with what its containers ask for.
func runs(kind, name, spec, resources string) string {
	group := "apps/v1"
	selector := "selector: {matchLabels: {app: " + name + "}}, "
	if kind == "Job" {
		group, selector = "batch/v1", ""
	}
	return fmt.Sprintf(`apiVersion: %s
kind: %s
metadata: {name: %s, namespace: shop}
spec:
  %s%s
  template: {metadata: {labels: {app: %s}}, spec: {restartPolicy: %s, PRIORITY containers: [{name: main, image: "a:1", resources: {%s}}]}}
`, group, kind, name, spec, map[bool]string{true: "\n  selector: {matchLabels: {app: " + name + "}}"}[selector != ""], name,
		map[bool]string{true: "Always", false: "Never"}[selector != ""], resources)
}

func quota(name, hard, more string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: %s, namespace: shop}\nspec:\n  hard: {%s}\n%s", name, hard, more)
}

const (
	defaults = `{apiVersion: v1, kind: LimitRange, metadata: {name: defaults, namespace: shop}, spec: {limits: [{type: Container, default: {cpu: 500m}, defaultRequest: {cpu: 100m},
max: {cpu: "2"}, min: {cpu: 10m}, maxLimitRequestRatio: {cpu: "20"}}, {type: PersistentVolumeClaim, max: {storage: 20Gi}}]}}`
	urgent = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: urgent}, value: 10}"
	scaler = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled, namespace: shop}
spec:
  minReplicas: 3
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: scaled}
`
	claims = "serviceName: db\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]"
)

func plain(workload string) string { return strings.Replace(workload, "PRIORITY ", "", 1) }

// A quota is held against all pods and claims that the workloads of its
// namespace ask for, as admission completes them.
func TestQuotaAgainstReplicas(t *testing.T) {
	base := map[string]string{
		"clusters/space.yaml": child("space", ""), "space/space.yaml": space("shop", ""), "space/limits.yaml": defaults, "space/urgent.yaml": urgent,
		"space/compute.yaml":      quota("compute", `limits.cpu: "5", pods: "20", requests.storage: 25Gi`, ""),
		"space/urgent-quota.yaml": quota("urgent", `pods: "1"`, "  scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [urgent]}]}\n"),
		"space/ended.yaml":        quota("ended", `pods: "2"`, "  scopes: [Terminating]\n"),
		"clusters/shop.yaml":      child("shop", "dependsOn: [{name: space}],"),
		"shop/web.yaml":           plain(runs("Deployment", "web", "replicas: 3", "")),
		"shop/db.yaml":            plain(runs("StatefulSet", "db", "replicas: 2\n  "+claims, "")),
		"shop/scaled.yaml":        plain(runs("Deployment", "scaled", "replicas: 1", "")), "shop/scaler.yaml": scaler,
		"shop/agent.yaml": plain(runs("DaemonSet", "agent", "minReadySeconds: 1", "")),
		"shop/job.yaml":   strings.Replace(runs("Job", "job", "parallelism: 3\n  completions: 2", ""), "PRIORITY", "activeDeadlineSeconds: 60,", 1),
	}
	head := maps.Clone(base)
	head["shop/web.yaml"] = plain(runs("Deployment", "web", "replicas: 5", ""))
	head["shop/db.yaml"] = plain(runs("StatefulSet", "db", "replicas: 3\n  "+claims, ""))
	head["shop/urgent.yaml"] = strings.Replace(runs("Deployment", "urgent", "replicas: 2", "limits: {cpu: 10m}, requests: {cpu: 10m}"), "PRIORITY", "priorityClassName: urgent,", 1)
	head["shop/job.yaml"] = strings.Replace(runs("Job", "job", "parallelism: 3\n  completions: 2", ""), "PRIORITY", "activeDeadlineSeconds: 60,", 1)
	all := replayed(t, simulate.Options{}, base, head)
	if d := cmp.Diff([]string(nil), told(all[0], "quota-short", "pods-refused")); d != "" {
		t.Errorf("what fits exactly is told of:\n%s", d)
	}
	want := []string{
		"warning ResourceQuota/shop/compute /spec/hard/limits.cpu admits at most 11 of the 15 pods that the workloads of its namespace ask for: " +
			"3 × 500m for Deployment/shop/scaled + 2 × 10m for Deployment/shop/urgent + 5 × 500m for Deployment/shop/web + 3 × 500m for StatefulSet/shop/db + " +
			"2 × 500m for Job/shop/job = 6520m of limits.cpu, and the limit is 5; how many pods DaemonSet/shop/agent has is not known, and not counted",
		"warning ResourceQuota/shop/compute /spec/hard/requests.storage admits 2 of the 3 claims that the workloads of its namespace ask for: " +
			"3 × 10Gi for StatefulSet/shop/db = 30Gi of requests.storage, and the limit is 25Gi",
		"warning ResourceQuota/shop/urgent /spec/hard/pods admits 1 of the 2 pods that the workloads of its namespace ask for: 2 × 1 for Deployment/shop/urgent = 2 of pods, and the limit is 1",
	}
	if d := cmp.Diff(want, told(all[1], "quota-short", "pods-refused")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, f := range all[1].Facts {
		if f.Fact == "quota-short" && f.Field == "/spec/hard/limits.cpu" {
			if d := cmp.Diff("space/compute.yaml:5:22", f.Pos.String()); d != "" {
				t.Errorf("the limit to raise (-want +got):\n%s", d)
			}
			if d := cmp.Diff("raise the limit, or lower what is asked for at shop/scaler.yaml:5, shop/urgent.yaml:5, shop/web.yaml:5, shop/db.yaml:5, shop/job.yaml:5", f.Check); d != "" {
				t.Errorf("the lines to lower (-want +got):\n%s", d)
			}
		}
	}
}

// LimitRanges complete pods and refuse them, and refuse claims, in the words of the server.
func TestLimitRanges(t *testing.T) {
	tree := map[string]string{
		"clusters/space.yaml": child("space", ""), "space/space.yaml": space("shop", ""), "space/limits.yaml": defaults,
		"space/quota.yaml":   quota("needs", `requests.memory: 1Gi`, ""),
		"clusters/shop.yaml": child("shop", "dependsOn: [{name: space}],"),
		"shop/large.yaml":    plain(runs("Deployment", "large", "replicas: 1", "limits: {cpu: 3, memory: 1Gi}, requests: {cpu: 1, memory: 1Mi}")),
		"shop/small.yaml":    plain(runs("Deployment", "small", "replicas: 1", "limits: {cpu: 5m}, requests: {cpu: 5m, memory: 1Mi}")),
		"shop/ratio.yaml":    plain(runs("Deployment", "ratio", "replicas: 1", "limits: {cpu: 1}, requests: {cpu: 20m, memory: 1Mi}")),
		"shop/forgets.yaml":  plain(runs("Deployment", "forgets", "replicas: 1", "")),
		"shop/giant.yaml":    plain(runs("Deployment", "giant", "replicas: 1", "requests: {memory: 2Gi}")),
		"clusters/disk.yaml": child("disk", "dependsOn: [{name: space}],"), "disk/claim.yaml": strings.Replace(in("shop", claim), "1Gi", "30Gi", 1),
	}
	step := replayed(t, simulate.Options{}, tree)[0]
	refused := func(name, why string) string {
		return fmt.Sprintf(`error Deployment/shop/%[1]s /spec/template/spec its pods would be refused: pods "%[1]s-0" is forbidden: %[2]s`, name, why)
	}
	want := []string{
		refused("forgets", "failed quota: needs: must specify requests.memory for: main"),
		refused("giant", "exceeded quota: needs, requested: requests.memory=2Gi, used: requests.memory=0, limited: requests.memory=1Gi"),
		refused("large", "maximum cpu usage per Container is 2, but limit is 3"),
		refused("ratio", "cpu max limit to request ratio per Container is 20, but provided ratio is 50.000000"),
		refused("small", "minimum cpu usage per Container is 10m, but request is 5m"),
	}
	if d := cmp.Diff(want, told(step, "quota-short", "pods-refused")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"PersistentVolumeClaim/shop/data"}, turned(step)); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
}

// The pods of a dump are those that its workloads ask for, and not so many more.
func TestQuotaOfDump(t *testing.T) {
	var live []*unstructured.Unstructured
	for _, text := range []string{
		"{apiVersion: v1, kind: Namespace, metadata: {name: shop, uid: n}}",
		"{apiVersion: v1, kind: ResourceQuota, metadata: {name: pods, namespace: shop, uid: q}, spec: {hard: {pods: '4'}}, status: {hard: {pods: '4'}, used: {pods: '3'}}}",
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, uid: d, labels: {kustomize.toolkit.fluxcd.io/name: shop, kustomize.toolkit.fluxcd.io/namespace: flux-system}},
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: "a:1"}]}}}}`,
		`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: shop, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]},
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: "a:1"}]}}}}`,
		"{apiVersion: v1, kind: Pod, metadata: {name: by-hand, namespace: shop, uid: h}, spec: {containers: [{name: main, image: 'a:1'}]}, status: {phase: Running}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: over, namespace: shop, uid: o}, spec: {containers: [{name: main, image: 'a:1'}]}, status: {phase: Succeeded}}",
	} {
		live = append(live, made(t, text))
	}
	for _, name := range []string{"a", "b"} {
		live = append(live, made(t, `{apiVersion: v1, kind: Pod, metadata: {name: web-`+name+`, namespace: shop, uid: p`+name+`, labels: {app: web},
ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]}, spec: {containers: [{name: main, image: "a:1"}]}, status: {phase: Running}}`))
	}
	base := map[string]string{"clusters/shop.yaml": child("shop", ""), "shop/web.yaml": plain(runs("Deployment", "web", "replicas: 2", ""))}
	head := maps.Clone(base)
	head["shop/web.yaml"] = plain(runs("Deployment", "web", "replicas: 4", ""))
	all := replayed(t, simulate.Options{Live: live}, base, head)
	if d := cmp.Diff([]string(nil), told(all[0], "quota-short", "pods-refused")); d != "" {
		t.Errorf("what runs is told of:\n%s", d)
	}
	want := []string{"warning ResourceQuota/shop/pods /spec/hard/pods admits 3 of the 4 pods that the workloads of its namespace ask for: " +
		"4 × 1 for Deployment/shop/web + 1 for what is there besides = 5 of pods, and the limit is 4"}
	if d := cmp.Diff(want, told(all[1], "quota-short", "pods-refused")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
}

// What comes right after a LimitRange is held against it.
func TestLimitRangeAtOnce(t *testing.T) {
	tree := map[string]string{
		"clusters/a.yaml": child("a", ""), "a/space.yaml": space("shop", ""),
		"a/limits.yaml":   "{apiVersion: v1, kind: LimitRange, metadata: {name: claims, namespace: shop}, spec: {limits: [{type: PersistentVolumeClaim, min: {storage: 2Gi}, max: {storage: 20Gi}}]}}",
		"clusters/b.yaml": child("b", "dependsOn: [{name: a}],"), "b/claim.yaml": in("shop", claim),
	}
	step := replayed(t, simulate.Options{}, tree)[0]
	if d := cmp.Diff([]string{"PersistentVolumeClaim/shop/data"}, turned(step)); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string(nil), step.Notes); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
}
