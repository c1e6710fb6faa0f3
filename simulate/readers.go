package simulate

import (
	"context"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// openReads lists the orders that the replay could have taken the other way
// round because a Flux object takes values from a ConfigMap or Secret that
// another one writes, without one depending on the other.
func (r *replay) openReads(ctx context.Context) []Precedence {
	rank := map[finding.Ref]int{}
	for i, ref := range r.step.order {
		rank[ref] = i
	}
	var out []Precedence
	for _, o := range r.step.observed {
		if o.Owner.IsZero() || o.Action == diff.Unchanged || !r.step.ranked[o.Owner] || !carriesValues(o.Ref) {
			continue
		}
		for _, reader := range r.readersOf(o) {
			p := Precedence{Object: o.Ref, First: reader, Then: o.Owner, Reader: reader}
			if rank[reader] < rank[o.Owner] {
				p.First, p.Then = o.Owner, reader
			}
			if !r.waitsFor(p.First, p.Then, 0) && r.matters(ctx, reader, o) {
				out = append(out, p)
			}
		}
	}
	return out
}

func carriesValues(ref finding.Ref) bool {
	return ref.Group == "" && (ref.Kind == "ConfigMap" || ref.Kind == "Secret")
}

// readersOf are the Flux objects that take values from an object, and that
// something else than the object has woken in this step.
func (r *replay) readersOf(o facts.Object) []finding.Ref {

	var out []finding.Ref
	for _, ref := range sortedRefs(r.step.after) {
		before, after := r.step.owners[ref], r.step.after[ref]
		if before == nil || ref == o.Owner || ref.Namespace != o.Ref.Namespace || !r.step.ranked[ref] || !reads(after, o.Ref) || !reads(before, o.Ref) {
			continue
		}
		woken := statusOf(before).text("lastAttemptedRevision") != statusOf(after).text("lastAttemptedRevision")
		watched := o.After != nil && r.watchFor(ref).Selects(&unstructured.Unstructured{Object: o.After})
		if woken && !watched {
			out = append(out, ref)
		}
	}
	return out
}

// reads reports whether a Flux object takes values from a ConfigMap or Secret.
func reads(owner *unstructured.Unstructured, ref finding.Ref) bool {
	for _, path := range [][]string{{"spec", "postBuild", "substituteFrom"}, {"spec", "valuesFrom"}} {
		list, _, _ := unstructured.NestedSlice(owner.Object, path...)
		if slices.ContainsFunc(list, func(item any) bool {
			m, _ := item.(map[string]any)
			return text(m["kind"]) == ref.Kind && text(m["name"]) == ref.Name
		}) {
			return true
		}
	}
	return false
}

// past is the cluster with one object as it was.
type past struct {
	render.Cluster
	ref finding.Ref
	obj map[string]any
}

// Get implements render.Cluster.
func (p past) Get(ctx context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	if ref != p.ref {
		return p.Cluster.Get(ctx, ref)
	}
	if p.obj == nil {
		return nil, render.Absent
	}
	return (&unstructured.Unstructured{Object: p.obj}).DeepCopy(), render.Present
}

// matters reports whether a Flux object renders something else with an object
// as it was before than as it is.
func (r *replay) matters(ctx context.Context, reader finding.Ref, o facts.Object) bool {
	renderer := r.step.renderer[groupKind(reader)]
	if renderer == nil {
		return false
	}
	s := &subject{ref: reader, live: r.step.after[reader], mem: r.remember(reader)}
	in := render.Input{Object: r.object(s), Settings: r.step.input.Settings, Cluster: r.cluster, Sources: worldOf(r), Revision: 1}
	now := renderer.Render(ctx, in)
	in.Cluster = past{r.cluster, o.Ref, o.Before}
	then := renderer.Render(ctx, in)
	if now.State != then.State || len(now.Applies) != len(then.Applies) {
		return true
	}
	for i := range now.Applies {
		if !reflect.DeepEqual(now.Applies[i].Object, then.Applies[i].Object) {
			return true
		}
	}
	return false
}
