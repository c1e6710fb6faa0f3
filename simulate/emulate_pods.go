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
	{Group: "apps", Kind: "DaemonSet"}, {Group: "apps", Kind: "Deployment"}, {Group: "apps", Kind: "StatefulSet"},
	{Group: "batch", Kind: "CronJob"}, {Group: "batch", Kind: "Job"},
}

// podsRefused asks the API server for one pod of each workload, without making it.
func (r *replay) podsRefused(ctx context.Context) []facts.Verdict {
	if !r.opts.Emulate.Pods {
		return nil
	}
	var out []facts.Verdict
	for _, gk := range podKinds {
		for _, u := range r.cluster.list(ctx, gk) {
			if len(u.GetOwnerReferences()) > 0 || u.GetDeletionTimestamp() != nil {
				continue
			}
			said := r.podRefused(ctx, u)
			if said == "" {
				continue
			}
			ref := render.RefOf(u)
			owner, _ := ownerOf(u.GetLabels())
			out = append(out, facts.Verdict{Ref: ref, Owner: owner, Message: said,
				At: func(pointer string) finding.Position { return r.placeOf(owner, ref, pointer) }})
		}
	}
	return out
}

// podRefused is why the API server refuses a pod of a workload, empty when it
// takes it or when that cannot be told.
func (r *replay) podRefused(ctx context.Context, u *unstructured.Unstructured) string {
	pod := facts.PodOf(u.Object)
	if pod == nil {
		return ""
	}
	p := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(pod)}
	err := r.cluster.plain.Create(ctx, p, client.DryRunAll, client.FieldOwner("kube-controller-manager"))
	switch {
	case err == nil:
		return r.accountMissing(ctx, pod, u.GetNamespace())
	case apierrors.IsAlreadyExists(err), r.recorder.gone() != nil:
		return ""
	case strings.Contains(err.Error(), "failed calling webhook"):
		return ""
	}
	return err.Error()
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
