package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestUsage(t *testing.T) {
	const pod = "apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {priorityClassName: high, initContainers: [{name: i, resources: {limits: {cpu: 2}, requests: {cpu: 1}}}], " +
		"containers: [{name: a, resources: {limits: {cpu: 500m}, requests: {cpu: 100m}}}, {name: b, resources: {limits: {cpu: 250m}, requests: {cpu: 100m}}}]}"
	const claim = "apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {storageClassName: fast, resources: {requests: {storage: 5Gi}}}"
	for _, c := range []struct {
		why, quota, object string
		want               map[string]string
	}{
		{"an init container that takes more than all others", "hard: {pods: 3, limits.cpu: 4, requests.cpu: 4, requests.memory: 1Gi}", pod,
			map[string]string{"pods": "1", "limits.cpu": "2", "requests.cpu": "1"}},
		{"a pod of the class of the quota", "hard: {pods: 3}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}", pod, map[string]string{"pods": "1"}},
		{"a pod of another class", "hard: {pods: 3}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [low]}]}", pod, nil},
		{"a pod that asks for something is not of best effort", "hard: {pods: 3}, scopes: [BestEffort]", pod, nil},
		{"a pod without end", "hard: {pods: 3}, scopes: [NotTerminating, NotBestEffort]", pod, map[string]string{"pods": "1"}},
		{"a pod that has ended", "hard: {pods: 3, count/pods: 3}", pod + ", status: {phase: Succeeded}", map[string]string{"count/pods": "1"}},
		{"a claim of a class", "hard: {requests.storage: 1Gi, fast.storageclass.storage.k8s.io/requests.storage: 1Gi, slow.storageclass.storage.k8s.io/persistentvolumeclaims: 1}", claim,
			map[string]string{"requests.storage": "5Gi", "fast.storageclass.storage.k8s.io/requests.storage": "5Gi"}},
		{"the ports of a Service", "hard: {services: 2, services.nodeports: 3, services.loadbalancers: 1}", "apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: NodePort, ports: [{port: 1}, {port: 2}]}",
			map[string]string{"services": "1", "services.nodeports": "2", "services.loadbalancers": "0"}},
		{"what is counted by number only", "hard: {configmaps: 2}", "apiVersion: v1, kind: ConfigMap, metadata: {name: c}", nil},
		{"a quota that is none", "hard: 3", pod, nil},
		{"a pod that is none", "hard: {pods: 3}", "apiVersion: v1, kind: Pod, spec: 4", nil},
	} {
		var got map[string]string
		for name, q := range Usage(of(t, "spec: {"+c.quota+"}"), of(t, c.object)) {
			if got == nil {
				got = map[string]string{}
			}
			got[string(name)] = q.String()
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}

func of(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte("{"+text+"}"), &m); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: m}
}
