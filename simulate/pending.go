package simulate

import (
	"context"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// piledUp is what waits at each suspended owner since this step, not since one before.
func (r *replay) piledUp(ctx context.Context, owners []facts.Owner, now map[finding.Ref]*unstructured.Unstructured) {
	before := r.piled
	r.piled = map[finding.Ref][]diff.Change{}
	for i, o := range owners {
		if now[o.Ref] == nil {
			continue
		}
		list := r.pending(ctx, now[o.Ref])
		r.piled[o.Ref] = list
		owners[i].Pending = slices.DeleteFunc(slices.Clone(list), func(c diff.Change) bool {
			return slices.ContainsFunc(before[o.Ref], func(had diff.Change) bool { return reflect.DeepEqual(c, had) })
		})
	}
}

// pending is what a suspended Kustomization or HelmRelease would do to the
// objects that it renders now, were it resumed.
func (r *replay) pending(ctx context.Context, u *unstructured.Unstructured) []diff.Change {
	ref := render.RefOf(u)
	s := &subject{ref: ref, live: u, mem: r.remember(ref)}
	release := groupKind(ref) == helmReleaseKind
	if !release && groupKind(ref) != kustomizationKind || !s.suspended() || s.deleting() {
		return nil
	}
	result := r.renderAgain(ctx, s)
	if result.State != render.Rendered {
		return nil
	}
	cl, objects, err := r.prepared(ctx, ref, applied(result))
	if err != nil {
		return nil
	}
	w := waiting{owner: ref, cl: cl, live: u, objects: objects, prunes: release}
	if k, err := kustomizationOf(u); !release && err == nil {
		w.prunes = k.Spec.Prune
	}
	return r.wouldChange(ctx, w)
}

// renderAgain renders a subject as if it were not suspended; a release that is
// there already as an upgrade that keeps its number, since that alone changes nothing.
func (r *replay) renderAgain(ctx context.Context, s *subject) render.Result {
	renderer := r.step.renderer[groupKind(s.ref)]
	if renderer == nil {
		return render.Result{State: render.Unknown, Reason: "no-renderer"}
	}
	return renderer.Render(ctx, r.inputAgain(s))
}

// inputAgain is what a render of an owner as it is now depends on, as if it
// were not suspended.
func (r *replay) inputAgain(s *subject) render.Input {
	o := r.object(s)
	unstructured.RemoveNestedField(o.Object, "spec", "suspend")
	r.cluster.capabilities = nil
	in := render.Input{Object: o, Settings: r.step.input.Settings, Cluster: r.cluster, Sources: worldOf(r), Revision: 1}
	history, _, _ := unstructured.NestedSlice(s.live.Object, "status", "history")
	if groupKind(s.ref) == helmReleaseKind && len(history) > 0 {
		in.Upgrade = true
		latest, _ := history[0].(map[string]any)
		if version, ok := latest["version"].(int64); ok {
			in.Revision = int(version)
		}
	}
	return in
}

// waiting is what an owner would apply.
type waiting struct {
	owner   finding.Ref
	cl      client.Client
	live    *unstructured.Unstructured
	objects []*unstructured.Unstructured
	prunes  bool
}

func (r *replay) wouldChange(ctx context.Context, w waiting) []diff.Change {
	var out []diff.Change
	applied := map[finding.Ref]bool{}
	for _, o := range w.objects {
		applied[render.RefOf(o)] = true
		if c := r.rehearsed(ctx, w, o); c.Action != diff.Unchanged {
			out = append(out, c)
		}
	}
	for _, had := range inventoryRefs(w.live) {
		if live := r.cluster.read(ctx, had); !applied[had] && w.prunes && live != nil && !keptByHelm(w.owner, live) {
			out = append(out, diff.Change{Object: had, Owner: w.owner, Action: diff.Delete})
		}
	}
	return out
}

// keptByHelm reports whether Helm leaves an object alone that a release has no
// longer: on request, and definitions always.
func keptByHelm(owner finding.Ref, live *unstructured.Unstructured) bool {
	return groupKind(owner) == helmReleaseKind && (live.GetKind() == crdKind.Kind || live.GetAnnotations()["helm.sh/resource-policy"] == "keep")
}

// rehearsed is what applying an object would do, without doing it.
func (r *replay) rehearsed(ctx context.Context, w waiting, u *unstructured.Unstructured) diff.Change {
	c := diff.Change{Object: render.RefOf(u), Owner: w.owner, Action: diff.Fail}
	live := r.cluster.read(ctx, c.Object)
	dry := u.DeepCopy()
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if err := w.cl.Patch(ctx, dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(managerOf(w.owner))); err != nil {
		return c
	}
	var before map[string]any
	if c.Action = diff.Create; live != nil {
		c.Action, before = diff.Update, r.uids.stable(live.Object)
	}
	r.uids.learn(dry.Object)
	if c.Fields = diff.Objects(before, r.uids.stable(dry.Object), r.hidden[c.Object]...); len(c.Fields) == 0 {
		c.Action = diff.Unchanged
	}
	return c
}
