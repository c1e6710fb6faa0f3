package simulate

import (
	"context"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/object"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// ownersNow is every Flux object as the server holds it.
func (r *replay) ownersNow(ctx context.Context) map[finding.Ref]*unstructured.Unstructured {
	out := map[finding.Ref]*unstructured.Unstructured{}
	for _, k := range fluxKinds {
		for _, u := range r.cluster.list(ctx, k.GroupKind) {
			out[render.RefOf(u)] = u
		}
	}
	return out
}

// evidence keeps an object as facts need to know it.
func (r *replay) evidence(h *history, c diff.Change) {
	o := facts.Object{
		Ref: h.ref, Owner: c.Owner, From: c.From, Action: c.Action, Reason: c.Reason, Before: h.before, After: h.after, Instances: h.instances,
		At: func(pointer string) finding.Position { return r.placeOf(h.owner, h.ref, pointer) },
	}
	if c.Action == diff.Delete {
		o.After = nil
	}
	r.step.observed = append(r.step.observed, o)
}

// facts says what a reviewer has to know about the step. What was so before the
// step already is not said again.
func (r *replay) facts(ctx context.Context) []finding.Fact {
	now := r.step.after
	s := facts.Step{Empty: r.known == nil, Objects: r.step.observed, Orphans: r.orphans(ctx, now), Workloads: r.podRunners(ctx), Refused: r.podsRefused(ctx)}
	for _, ref := range sortedRefs(r.step.owners, now) {
		o := facts.Owner{Ref: ref, Rendered: r.appliedBy(ref), At: func(pointer string) finding.Position { return r.placeOf(finding.Ref{}, ref, pointer) }}
		if was := r.step.owners[ref]; was != nil {
			o.Before = was.Object
		}
		if is := now[ref]; is != nil {
			o.After = is.Object
			o.Pending = r.pending(ctx, is, s.Empty)
		}
		s.Owners = append(s.Owners, o)
	}
	all := facts.Of(s)
	out := slices.DeleteFunc(slices.Clone(all), func(f finding.Fact) bool {
		return slices.ContainsFunc(r.known, func(k finding.Fact) bool { return finding.CompareFacts(f, k) == 0 })
	})
	if r.known = all; r.known == nil {
		r.known = []finding.Fact{}
	}
	return out
}

// sortedRefs lists the keys of some maps, each once.
func sortedRefs[T any](sets ...map[finding.Ref]T) []finding.Ref {
	var out []finding.Ref
	for _, set := range sets {
		for ref := range set {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, finding.Ref.Compare)
	return slices.Compact(out)
}

// appliedBy is what a Flux object has applied and goes on to apply.
func (r *replay) appliedBy(ref finding.Ref) map[finding.Ref]map[string]any {
	m := r.memory[ref]
	if m == nil || m.phase != phaseDone && m.phase != phaseWaiting {
		return nil
	}
	out := map[finding.Ref]map[string]any{}
	for ref, o := range m.rendered {
		if !o.Origin.Hook {
			out[ref] = o.Object
		}
	}
	return out
}

// inventoryRefs are the objects in the inventory of a Flux object.
func inventoryRefs(u *unstructured.Unstructured) []finding.Ref {
	entries, _, _ := unstructured.NestedSlice(u.Object, "status", "inventory", "entries")
	var out []finding.Ref
	for _, item := range entries {
		e, _ := item.(map[string]any)
		if id, err := object.ParseObjMetadata(text(e["id"])); err == nil {
			out = append(out, refOfID(id))
		}
	}
	return out
}

// orphans are the objects that were in an inventory, are in none any more, and exist.
func (r *replay) orphans(ctx context.Context, now map[finding.Ref]*unstructured.Unstructured) []facts.Orphan {
	kept := map[finding.Ref]bool{}
	for _, u := range now {
		for _, ref := range inventoryRefs(u) {
			kept[ref] = true
		}
	}
	var out []facts.Orphan
	for _, owner := range sortedRefs(r.step.owners) {
		for _, ref := range inventoryRefs(r.step.owners[owner]) {
			if kept[ref] {
				continue
			}
			kept[ref] = true
			live := r.cluster.read(ctx, ref)
			if live == nil || live.GetDeletionTimestamp() != nil {
				continue
			}
			o := facts.Orphan{Ref: ref, Owner: owner, Pos: r.placeOf(owner, ref, "")}
			for _, e := range r.step.entries {
				if e.ref == ref && e.action == diff.Orphan {
					o.Reason = e.reason
				}
			}
			out = append(out, o)
		}
	}
	return out
}

// podRunners are the workloads of the cluster, where a change may concern what they read.
func (r *replay) podRunners(ctx context.Context) []map[string]any {
	read := func(o facts.Object) bool {
		return o.Ref.Group == "" && (o.Ref.Kind == "ConfigMap" || o.Ref.Kind == "Secret")
	}
	if !slices.ContainsFunc(r.step.observed, read) {
		return nil
	}
	var out []map[string]any
	for _, kind := range []string{"DaemonSet", "Deployment", "StatefulSet"} {
		for _, u := range r.cluster.list(ctx, schema.GroupKind{Group: "apps", Kind: kind}) {
			out = append(out, u.Object)
		}
	}
	return out
}

// pending is what a suspended Kustomization would do to the objects that it
// renders now, were it resumed.
func (r *replay) pending(ctx context.Context, u *unstructured.Unstructured, empty bool) []diff.Change {
	ref := render.RefOf(u)
	s := &subject{ref: ref, live: u, mem: r.remember(ref)}
	if empty || ref.Kind != kustomizationKind.Kind || ref.Group != kustomizeGroup || !s.suspended() {
		return nil
	}
	k, err := kustomizationOf(u)
	if err != nil {
		return nil
	}
	a := &attempt{subject: s, k: k, status: statusOf(u), result: r.render(ctx, s)}
	m, err := r.applier(ctx, k)
	if err != nil || a.result.State != render.Rendered {
		return nil
	}
	objects, err := r.prepare(m, a)
	if err != nil {
		return nil
	}
	var out []diff.Change
	rendered := map[finding.Ref]bool{}
	for _, o := range objects {
		rendered[render.RefOf(o)] = true
		if c := r.rehearsed(ctx, m.Client(), o); c.Action != diff.Unchanged {
			c.Owner = ref
			out = append(out, c)
		}
	}
	for _, had := range inventoryRefs(u) {
		if !rendered[had] && k.Spec.Prune && r.cluster.read(ctx, had) != nil {
			out = append(out, diff.Change{Object: had, Owner: ref, Action: diff.Delete})
		}
	}
	return out
}

// rehearsed is what applying an object would do, without doing it.
func (r *replay) rehearsed(ctx context.Context, cl client.Client, u *unstructured.Unstructured) diff.Change {
	c := diff.Change{Object: render.RefOf(u), Action: diff.Update}
	live := r.cluster.read(ctx, c.Object)
	dry := u.DeepCopy()
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if err := cl.Patch(ctx, dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(kustomizeController)); err != nil {
		c.Action = diff.Fail
		return c
	}
	if live == nil {
		c.Action = diff.Create
	} else if c.Fields = diff.Objects(r.uids.stable(live.Object), r.uids.stable(dry.Object), r.hidden[c.Object]...); len(c.Fields) == 0 {
		c.Action = diff.Unchanged
	}
	return c
}
