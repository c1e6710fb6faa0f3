package simulate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// podKinds are the kinds whose pods are judged: what others make of them in a
// cluster, such as the ReplicaSets of a Deployment, is left out.
var podKinds = []schema.GroupKind{
	apps("DaemonSet"), apps("Deployment"), apps("ReplicaSet"), apps("StatefulSet"),
	{Group: "batch", Kind: "CronJob"}, {Group: "batch", Kind: "Job"}, {Kind: "ReplicationController"},
}

// trial is what the API server says to one pod of a workload.
type trial struct {
	workload *unstructured.Unstructured
	pod      *unstructured.Unstructured // as it would be made, nil when it is refused or when nothing can be told
	said     string                     // why it is refused
}

// podTrials asks the API server for one pod of each workload, without making it.
func (r *replay) podTrials(ctx context.Context) []trial {
	if !r.opts.Emulate.Pods {
		return nil
	}
	var out []trial
	for _, gk := range podKinds {
		for _, u := range r.cluster.list(ctx, gk) {
			if len(u.GetOwnerReferences()) == 0 && u.GetDeletionTimestamp() == nil {
				out = append(out, trial{workload: u})
			}
		}
	}
	var group errgroup.Group
	group.SetLimit(restorers)
	for i := range out {
		group.Go(func() error {
			out[i].run(ctx, r.cluster.plain)
			return nil
		})
	}
	_ = group.Wait()
	for i, t := range out {
		if t.pod != nil {
			out[i].said = r.accountMissing(ctx, facts.PodOf(t.workload.Object), t.workload.GetNamespace())
		}
		if out[i].said != "" {
			out[i].pod = nil
		}
	}
	return out
}

// podsRefused are the workloads whose pods the API server refuses.
func (r *replay) podsRefused(trials []trial) []facts.Verdict {
	var out []facts.Verdict
	for _, t := range trials {
		if t.said == "" {
			continue
		}
		ref, owner := render.RefOf(t.workload), applierOf(t.workload)
		out = append(out, facts.Verdict{Ref: ref, Owner: owner, Message: t.said,
			At: func(pointer string) finding.Position { return r.placeOf(owner, ref, pointer) }})
	}
	return out
}

// applierOf is the Flux object that the labels of an object name.
func applierOf(u *unstructured.Unstructured) finding.Ref {
	if owner, ok := ownerOf(u.GetLabels()); ok {
		return owner
	}
	return labelled(u.GetLabels(), helmReleaseKind)
}

// run asks for the pod. A server that is gone says nothing about it.
func (t *trial) run(ctx context.Context, cl client.Client) {
	pod := facts.PodOf(t.workload.Object)
	if pod == nil {
		return
	}
	p := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(pod)}
	err := cl.Create(ctx, p, client.DryRunAll, client.FieldOwner("kube-controller-manager"))
	var status apierrors.APIStatus
	switch {
	case err == nil:
		t.pod = p
	case apierrors.IsAlreadyExists(err), !errors.As(err, &status), strings.Contains(err.Error(), "failed calling webhook"):
	default:
		t.said = err.Error()
	}
}

// accountMissing says in the words of the API server that the service account
// of a pod does not exist. The server here does not look for it itself.
func (r *replay) accountMissing(ctx context.Context, pod map[string]any, namespace string) string {
	name, _, _ := unstructured.NestedString(pod, "spec", "serviceAccountName")
	ref := finding.Ref{Kind: "ServiceAccount", Namespace: namespace, Name: name}
	if name == "" || r.unsure(ref) || r.cluster.read(ctx, ref) != nil {
		return ""
	}
	who, _, _ := unstructured.NestedString(pod, "metadata", "name")
	return fmt.Sprintf("pods %q is forbidden: error looking up service account %s/%s: serviceaccount %q not found", who, namespace, name, name)
}
