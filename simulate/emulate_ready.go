package simulate

import (
	"context"
	"fmt"
	"maps"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"golang.org/x/sync/errgroup"
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

// workloads reports everything ready that no controller here looks after, and
// that is not ready as it was read from a cluster.
func (r *replay) workloads(ctx context.Context) error {
	var list []report
	for _, k := range readyKinds {
		for _, u := range r.written(ctx, k.GroupKind) {
			if u.GetDeletionTimestamp() != nil || r.exempt(u) || r.reported[u.GetUID()] == generation(u) {
				continue
			}
			r.reported[u.GetUID()] = generation(u)
			if want := k.status(u); want != nil && !(k.Group == "apps" && current(u)) {
				list = append(list, report{object: u, status: want})
			}
		}
	}
	return r.reportReady(ctx, list)
}

// current reports whether the status of an object says that it is as it should be.
func current(u *unstructured.Unstructured) bool {
	result, err := kstatus.Compute(u)
	return err == nil && result.Status == kstatus.CurrentStatus
}

// generation is that of the spec; kinds without generations have one for ever.
func generation(u *unstructured.Unstructured) int64 { return max(u.GetGeneration(), 1) }

func (r *replay) exempt(u *unstructured.Unstructured) bool {
	return r.opts.Emulate.NeverReady != "" && u.GetAnnotations()[r.opts.Emulate.NeverReady] == "true"
}

// report is the status that makes an object ready.
type report struct {
	object *unstructured.Unstructured
	status map[string]any
	same   bool
	err    error
}

// reportReady writes statuses, several at a time.
func (r *replay) reportReady(ctx context.Context, list []report) error {
	var group errgroup.Group
	group.SetLimit(restorers)
	for i := range list {
		group.Go(func() error {
			list[i].write(ctx, r.cluster.plain)
			return nil
		})
	}
	_ = group.Wait()
	for _, w := range list {
		switch {
		case client.IgnoreNotFound(w.err) != nil && r.recorder.gone() != nil:
			return fmt.Errorf("report %s ready: %w", render.RefOf(w.object), w.err)
		case client.IgnoreNotFound(w.err) != nil:
			r.note("%s is not reported ready: %v", render.RefOf(w.object), w.err)
		case !w.same:
			r.clock++
		}
	}
	return nil
}

func (w *report) write(ctx context.Context, cl client.Client) {
	ready := w.object.DeepCopy()
	have, _, _ := unstructured.NestedMap(w.object.Object, "status")
	merged := maps.Clone(have)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, w.status)
	if w.same = equality.Semantic.DeepEqual(have, merged); w.same {
		return
	}
	ready.Object["status"] = merged
	w.err = cl.Status().Patch(ctx, ready, client.MergeFrom(w.object), client.FieldOwner("kube-controller-manager"))
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
