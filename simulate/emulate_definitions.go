package simulate

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// endDefinitions waits until the server has done with the definitions that are
// being deleted and with their objects, but those that somebody else holds.
func (r *replay) endDefinitions(ctx context.Context) error {
	if !r.recorder.removes() {
		return nil
	}
	err := wait.PollUntilContextTimeout(ctx, pollInterval, stageTimeout, true, func(ctx context.Context) (bool, error) {
		crds, err := r.cluster.listNow(ctx, crdKind.WithVersion("v1"), "")
		if err != nil {
			return false, r.alive(ctx)
		}
		for _, u := range crds {
			if u.GetDeletionTimestamp() != nil && !r.heldInstances(ctx, u) {
				return false, r.alive(ctx)
			}
		}
		return true, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return nil
	}
	return err
}

// heldInstances reports whether objects of a kind wait for somebody who finishes
// with them.
func (r *replay) heldInstances(ctx context.Context, crd *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		m, _ := v.(map[string]any)
		if m["served"] != true {
			continue
		}
		instances, _ := r.cluster.listNow(ctx, schema.GroupVersionKind{Group: group, Version: text(m["name"]), Kind: kind}, "")
		for _, u := range instances {
			if len(u.GetFinalizers()) > 0 {
				return true
			}
		}
	}
	return false
}

// removes reports whether a definition was deleted, whose objects go later.
func (r *recorder) removes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed
}

// undefined are the objects that went with the definitions of their kinds: the
// server deletes them, and nobody asks it to.
func (r *replay) undefined(ctx context.Context, written map[finding.Ref]bool) []diff.Change {
	var out []diff.Change
	for _, o := range r.step.observed {
		if o.Action != diff.Delete || groupKind(o.Ref) != crdKind {
			continue
		}
		for _, ref := range o.Instances {
			if !written[ref] && r.cluster.read(ctx, ref) == nil {
				written[ref] = true
				out = append(out, diff.Change{Object: ref, Owner: o.Owner, Action: diff.Delete, Reason: "definition-deleted", Pos: r.placeOf(o.Owner, ref, "")})
			}
		}
	}
	return out
}
