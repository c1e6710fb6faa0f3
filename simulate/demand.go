package simulate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// demand is how many pods or claims of one form a workload asks for.
type demand struct {
	workload *unstructured.Unstructured
	one      *unstructured.Unstructured // as the server would make it
	count    int64                      // not known where unknown is set
	unknown  bool
	from     finding.Ref // the object that says how many
	pointer  string      // and where
}

// demands are what the workloads ask for that nothing else has made.
func (r *replay) demands(ctx context.Context, trials []trial) []demand {
	var list []demand
	scalers := r.scalers(ctx)
	for _, t := range trials {
		if t.pod == nil {
			continue
		}
		d := demand{workload: t.workload, one: t.pod, from: render.RefOf(t.workload)}
		d.count, d.pointer = podsOf(t.workload)
		if h := scalers[d.from]; h != nil && d.count > 0 {
			d.from, d.pointer, d.count = render.RefOf(h), "/spec/minReplicas", 1
			if n, ok, _ := unstructured.NestedInt64(h.Object, "spec", "minReplicas"); ok {
				d.count = n
			}
		}
		d.unknown = d.pointer == ""
		if d.unknown || d.count > 0 && !r.over[d.workload.GetUID()] {
			list = append(append(list, d), claimsOf(d)...)
		}
	}
	return list
}

// podsOf is how many pods a workload asks for, and which field says so: none
// where that is not in the workload.
func podsOf(u *unstructured.Unstructured) (count int64, pointer string) {
	switch u.GetKind() {
	case "DaemonSet":
		return 0, ""
	case "CronJob":
		return 0, "/spec/schedule"
	case "Job":
		if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); suspended {
			return 0, "/spec/suspend"
		}
		n, ok, _ := unstructured.NestedInt64(u.Object, "spec", "parallelism")
		if !ok {
			n = 1
		}
		if all, ok, _ := unstructured.NestedInt64(u.Object, "spec", "completions"); ok {
			n = min(n, all)
		}
		return n, "/spec/parallelism"
	}
	return replicas(u), "/spec/replicas"
}

// claimsOf is how many claims a StatefulSet asks for by each of its templates.
func claimsOf(of demand) []demand {
	templates, _, _ := unstructured.NestedSlice(of.workload.Object, "spec", "volumeClaimTemplates")
	var out []demand
	for _, t := range templates {
		m, _ := t.(map[string]any)
		spec, _ := m["spec"].(map[string]any)
		meta, _ := m["metadata"].(map[string]any)
		d := of
		d.one = made("v1", claimKind.Kind, of.workload.GetNamespace(), fmt.Sprintf("%s-%s", text(meta["name"]), of.workload.GetName()))
		d.one.Object["spec"] = spec
		out = append(out, d)
	}
	return out
}

// makes reports whether a claim of the cluster is one of those asked for.
func (d demand) makes(claim *unstructured.Unstructured) bool {
	ordinal, ok := strings.CutPrefix(claim.GetName(), d.one.GetName()+"-")
	n, err := strconv.ParseInt(ordinal, 10, 64)
	first, _, _ := unstructured.NestedInt64(d.workload.Object, "spec", "ordinals", "start")
	return ok && err == nil && d.one.GetKind() == claimKind.Kind && n >= first && n-first < d.count
}

// scalers are the HorizontalPodAutoscalers by what they scale.
func (r *replay) scalers(ctx context.Context) map[finding.Ref]*unstructured.Unstructured {
	out := map[finding.Ref]*unstructured.Unstructured{}
	for _, u := range r.cluster.list(ctx, schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}) {
		target, _, _ := unstructured.NestedStringMap(u.Object, "spec", "scaleTargetRef")
		if gv, err := schema.ParseGroupVersion(target["apiVersion"]); err == nil {
			out[finding.Ref{Group: gv.Group, Kind: target["kind"], Namespace: u.GetNamespace(), Name: target["name"]}] = u
		}
	}
	return out
}

// maxOwners bounds how far the owners of a pod are followed.
const maxOwners = 5

// stemsFromWorkload reports whether an object is a pod of a workload that says
// itself how many it asks for.
func (r *replay) stemsFromWorkload(ctx context.Context, u *unstructured.Unstructured) bool {
	if u.GetKind() != "Pod" {
		return false
	}
	for range maxOwners {
		by := metav1.GetControllerOf(u)
		if by == nil {
			return false
		}
		gv, err := schema.ParseGroupVersion(by.APIVersion)
		if err != nil {
			return false
		}
		ref := finding.Ref{Group: gv.Group, Kind: by.Kind, Namespace: u.GetNamespace(), Name: by.Name}
		if u = r.cluster.read(ctx, ref); u == nil || u.GetUID() != by.UID {
			return false
		}
		if slices.Contains(podKinds, groupKind(ref)) && ref.Kind != "DaemonSet" && len(u.GetOwnerReferences()) == 0 {
			return true
		}
	}
	return false
}
