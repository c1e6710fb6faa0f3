package simulate

import (
	"context"
	"fmt"
	"strings"

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
				out = append(out, r.podTrial(ctx, u))
			}
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

func (r *replay) podTrial(ctx context.Context, u *unstructured.Unstructured) trial {
	t := trial{workload: u}
	pod := facts.PodOf(u.Object)
	if pod == nil {
		return t
	}
	p := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(pod)}
	err := r.cluster.plain.Create(ctx, p, client.DryRunAll, client.FieldOwner("kube-controller-manager"))
	switch {
	case err == nil:
		t.pod, t.said = p, r.accountMissing(ctx, pod, u.GetNamespace())
	case apierrors.IsAlreadyExists(err), r.recorder.gone() != nil, strings.Contains(err.Error(), "failed calling webhook"):
	default:
		t.said = err.Error()
	}
	if t.said != "" {
		t.pod = nil
	}
	return t
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
