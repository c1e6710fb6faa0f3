package simulate

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// owners describes every Flux object as it is now, sorted by reference.
func (r *replay) owners(ctx context.Context) []Owner {
	var out []Owner
	for _, s := range r.subjects(ctx, fluxKinds...) {
		st := statusOf(s.live)
		o := Owner{
			Ref: s.ref, APIVersion: s.live.GetAPIVersion(), Ready: r.stableCondition(st.ready()), Conditions: r.stableConditions(st.named()),
			State: stateOf(s), Reason: s.mem.reason, BlockedBy: s.mem.on,
			Revision: st.text("lastAppliedRevision"), Attempted: st.text("lastAttemptedRevision"),
			Inventory: inventoryLines(st.fields["inventory"]), History: historyLines(st.fields["history"]),
			Pos: r.placeOf(finding.Ref{}, s.ref, ""),
		}
		if (st.is(conditionReady, "False") || s.mem.phase == phaseLingering) && !s.suspended() {
			r.explain(ctx, s, &o)
		}
		if rev := artifactRevision(s.live); rev != "" {
			o.Revision = rev
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Owner) int { return a.Ref.Compare(b.Ref) })
	return out
}

func (r *replay) stableCondition(c render.Condition) render.Condition {
	c.Message = r.uids.message(c.Message)
	return c
}

func (r *replay) stableConditions(list []NamedCondition) []NamedCondition {
	for i, c := range list {
		list[i].Condition = r.stableCondition(c.Condition)
	}
	return list
}

func stateOf(s *subject) render.State {
	if s.suspended() {
		return render.Suspended
	}
	switch s.mem.phase {
	case phaseDone:
		return render.Rendered
	case phaseUnknown:
		return render.Unknown
	case phaseBlocked, phaseNew:
		return render.Blocked
	}
	return render.Failed
}

// inventoryLines prints the inventory of a status, sorted.
func inventoryLines(v any) []string {
	m, _ := v.(map[string]any)
	list, _ := m["entries"].([]any)
	var out []string
	for _, item := range list {
		e, _ := item.(map[string]any)
		out = append(out, text(e["id"])+" "+text(e["v"]))
	}
	slices.Sort(out)
	return out
}

// historyLines prints the release history of a HelmRelease, newest first. The
// history of a Kustomization has other fields and is not shown.
func historyLines(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		if text(m["chartName"]) == "" {
			continue
		}
		out = append(out, fmt.Sprintf("%s/%s.v%v chart=%s@%s status=%s", text(m["namespace"]), text(m["name"]), m["version"],
			text(m["chartName"]), text(m["chartVersion"]), text(m["status"])))
	}
	return out
}

// state lists the objects that were not in the cluster before Flux started,
// sorted, without status and without what the server sets, managedFields kept.
func (r *replay) state(ctx context.Context) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	all := r.everything(ctx)
	for _, u := range all {
		r.uids.learn(u.Object)
	}
	for _, u := range all {
		if r.boot[u.GetUID()] || isShadow(u) || u.GetLabels()["kube-aggregator.kubernetes.io/automanaged"] != "" {
			continue
		}
		c := &unstructured.Unstructured{Object: r.uids.stable(u.Object)}
		unstructured.RemoveNestedField(c.Object, "status")
		for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"} {
			unstructured.RemoveNestedField(c.Object, "metadata", f)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return render.RefOf(a).Compare(render.RefOf(b)) })
	return out
}

// everything lists all objects of the cluster but events and leases, each once.
func (r *replay) everything(ctx context.Context) []*unstructured.Unstructured {
	kinds := r.cluster.kinds()
	lists := make([][]*unstructured.Unstructured, len(kinds))
	var group errgroup.Group
	group.SetLimit(listers)
	for i, k := range kinds {
		group.Go(func() error {
			// A kind that cannot be listed holds nothing that anybody applied.
			lists[i], _ = r.cluster.listNow(ctx, k.gvk, "")
			return nil
		})
	}
	_ = group.Wait()
	var out []*unstructured.Unstructured
	seen := map[types.UID]bool{}
	for _, list := range lists {
		for _, u := range list {
			if !seen[u.GetUID()] && u.GetUID() != "" {
				seen[u.GetUID()] = true
				out = append(out, u)
			}
		}
	}
	return out
}

// listers is how many kinds are listed at the same time.
const listers = 8
