package simulate

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// readiness says how a kind looks once the controllers that do not run here are
// done with it.
type readiness struct {
	schema.GroupKind
	status func(u *unstructured.Unstructured) map[string]any
}

var readyKinds = []readiness{
	{schema.GroupKind{Group: "apps", Kind: "Deployment"}, deploymentReady},
	{schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, statefulSetReady},
	{schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, daemonSetReady},
	{schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, replicaSetReady},
	{schema.GroupKind{Group: "batch", Kind: "Job"}, jobReady},
	{schema.GroupKind{Kind: "Pod"}, podReady},
	{schema.GroupKind{Kind: "PersistentVolumeClaim"}, claimReady},
	{schema.GroupKind{Kind: "Service"}, serviceReady},
	{schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"}, budgetReady},
	{schema.GroupKind{Group: "notification.toolkit.fluxcd.io", Kind: "Receiver"}, conditionedReady},
	{schema.GroupKind{Group: "image.toolkit.fluxcd.io", Kind: "ImageRepository"}, conditionedReady},
	{schema.GroupKind{Group: "image.toolkit.fluxcd.io", Kind: "ImagePolicy"}, conditionedReady},
	{schema.GroupKind{Group: "image.toolkit.fluxcd.io", Kind: "ImageUpdateAutomation"}, conditionedReady},
}

// workloads reports everything ready that no controller here looks after.
func (r *replay) workloads(ctx context.Context) error {
	for _, k := range readyKinds {
		for _, u := range r.cluster.list(ctx, k.GroupKind) {
			if u.GetDeletionTimestamp() != nil || r.exempt(u) || r.reported[u.GetUID()] == generation(u) {
				continue
			}
			if err := r.reportReady(ctx, u, k.status(u)); err != nil {
				return err
			}
		}
	}
	return nil
}

// generation is that of the spec; kinds without generations have one for ever.
func generation(u *unstructured.Unstructured) int64 { return max(u.GetGeneration(), 1) }

func (r *replay) exempt(u *unstructured.Unstructured) bool {
	return r.opts.Emulate.NeverReady != "" && u.GetAnnotations()[r.opts.Emulate.NeverReady] == "true"
}

func (r *replay) reportReady(ctx context.Context, u *unstructured.Unstructured, want map[string]any) error {
	r.reported[u.GetUID()] = generation(u)
	if want == nil {
		return nil
	}
	ready := u.DeepCopy()
	have, _, _ := unstructured.NestedMap(u.Object, "status")
	merged := map[string]any{}
	for k, v := range have {
		merged[k] = v
	}
	for k, v := range want {
		merged[k] = v
	}
	if equality.Semantic.DeepEqual(have, merged) {
		return nil
	}
	ready.Object["status"] = merged
	err := r.cluster.plain.Status().Patch(ctx, ready, client.MergeFrom(u), client.FieldOwner("kube-controller-manager"))
	if client.IgnoreNotFound(err) != nil {
		if r.recorder.gone() != nil {
			return fmt.Errorf("report %s ready: %w", render.RefOf(u), err)
		}
		r.note("%s is not reported ready: %v", render.RefOf(u), err)
		return nil
	}
	r.clock++
	return nil
}

func replicas(u *unstructured.Unstructured) int64 {
	if n, ok, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); ok {
		return n
	}
	return 1
}

func condition(kind, status, reason string) map[string]any {
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": "assumed",
		"lastTransitionTime": epoch, "lastUpdateTime": epoch}
}

func deploymentReady(u *unstructured.Unstructured) map[string]any {
	n := replicas(u)
	return map[string]any{
		"observedGeneration": u.GetGeneration(), "replicas": n, "updatedReplicas": n, "readyReplicas": n, "availableReplicas": n,
		"conditions": []any{
			condition("Available", "True", "MinimumReplicasAvailable"),
			condition("Progressing", "True", "NewReplicaSetAvailable"),
		},
	}
}

func statefulSetReady(u *unstructured.Unstructured) map[string]any {
	n := replicas(u)
	return map[string]any{
		"observedGeneration": u.GetGeneration(), "replicas": n, "updatedReplicas": n, "readyReplicas": n, "availableReplicas": n,
		"currentReplicas": n, "currentRevision": u.GetName() + "-1", "updateRevision": u.GetName() + "-1",
	}
}

func daemonSetReady(u *unstructured.Unstructured) map[string]any {
	return map[string]any{
		"observedGeneration": u.GetGeneration(), "currentNumberScheduled": int64(1), "desiredNumberScheduled": int64(1),
		"numberAvailable": int64(1), "numberMisscheduled": int64(0), "numberReady": int64(1), "updatedNumberScheduled": int64(1),
	}
}

func replicaSetReady(u *unstructured.Unstructured) map[string]any {
	n := replicas(u)
	return map[string]any{
		"observedGeneration": u.GetGeneration(), "replicas": n, "readyReplicas": n, "availableReplicas": n, "fullyLabeledReplicas": n,
	}
}

func jobReady(u *unstructured.Unstructured) map[string]any {
	if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); suspended {
		return nil
	}
	done := func(kind string) map[string]any {
		return map[string]any{"type": kind, "status": "True", "reason": "CompletionsReached", "message": "assumed",
			"lastTransitionTime": epoch, "lastProbeTime": epoch}
	}
	n := int64(1)
	if c, ok, _ := unstructured.NestedInt64(u.Object, "spec", "completions"); ok {
		n = c
	}
	start := u.GetCreationTimestamp().UTC().Format("2006-01-02T15:04:05Z")
	return map[string]any{
		"startTime": start, "completionTime": start, "succeeded": n, "ready": int64(0), "terminating": int64(0),
		"uncountedTerminatedPods": map[string]any{},
		"conditions":              []any{done("SuccessCriteriaMet"), done("Complete")},
	}
}

// podReady reports a Pod that runs on; one that is meant to end has ended.
func podReady(u *unstructured.Unstructured) map[string]any {
	if have, _, _ := unstructured.NestedString(u.Object, "status", "phase"); have == "Succeeded" || have == "Failed" {
		return nil // pods do not come back
	}
	policy, _, _ := unstructured.NestedString(u.Object, "spec", "restartPolicy")
	state, phase := "True", "Running"
	if policy == "Never" || policy == "OnFailure" {
		state, phase = "False", "Succeeded"
	}
	at := func(kind string) map[string]any {
		return map[string]any{"type": kind, "status": state, "lastTransitionTime": epoch}
	}
	return map[string]any{"phase": phase, "conditions": []any{at("Ready"), at("ContainersReady")}}
}

func claimReady(u *unstructured.Unstructured) map[string]any {
	out := map[string]any{"phase": "Bound"}
	if modes, ok, _ := unstructured.NestedSlice(u.Object, "spec", "accessModes"); ok {
		out["accessModes"] = modes
	}
	if size, ok, _ := unstructured.NestedString(u.Object, "spec", "resources", "requests", "storage"); ok {
		out["capacity"] = map[string]any{"storage": size}
	}
	return out
}

// serviceReady gives a load balancer an address of the documentation range.
func serviceReady(u *unstructured.Unstructured) map[string]any {
	if kind, _, _ := unstructured.NestedString(u.Object, "spec", "type"); kind != "LoadBalancer" {
		return nil
	}
	return map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": "192.0.2.1", "ipMode": "VIP"}}}}
}

func budgetReady(u *unstructured.Unstructured) map[string]any {
	return map[string]any{
		"observedGeneration": u.GetGeneration(), "currentHealthy": int64(1), "desiredHealthy": int64(1),
		"disruptionsAllowed": int64(0), "expectedPods": int64(1),
	}
}

func conditionedReady(u *unstructured.Unstructured) map[string]any {
	return map[string]any{
		"observedGeneration": u.GetGeneration(),
		"conditions": []any{map[string]any{"type": conditionReady, "status": "True", "reason": "Succeeded",
			"message": "assumed", "lastTransitionTime": epoch, "observedGeneration": u.GetGeneration()}},
	}
}
