package simulate

import (
	"context"
	"slices"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// entry is what an owner decided about an object without writing to it.
type entry struct {
	owner, ref finding.Ref
	action     diff.Action
	reason     string
	from       finding.Ref
}

// keepChanges remembers the objects that an apply left as they are.
func (r *replay) keepChanges(s *subject, changes *ssa.ChangeSet) {
	for _, e := range changes.Entries {
		switch e.Action {
		case ssa.SkippedAction:
			r.enter(entry{owner: s.ref, ref: refOfID(e.ObjMetadata), action: diff.Skip, reason: "annotation"})
		case ssa.UnchangedAction:
			r.enter(entry{owner: s.ref, ref: refOfID(e.ObjMetadata), action: diff.Unchanged})
		}
	}
}

// keepPruned remembers the objects that left an inventory and stay in the cluster.
func (r *replay) keepPruned(ctx context.Context, s *subject, gone *ssa.ChangeSet) {
	for _, e := range gone.Entries {
		if e.Action != ssa.SkippedAction {
			continue
		}
		ref := refOfID(e.ObjMetadata)
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(groupKind(ref).WithVersion(e.GroupVersion))
		u.SetNamespace(ref.Namespace)
		u.SetName(ref.Name)
		r.orphan(ctx, s, u, "")
	}
}

// orphan remembers an object that no Flux object looks after any more, unless
// another one does.
func (r *replay) orphan(ctx context.Context, s *subject, u *unstructured.Unstructured, reason string) {
	ref := render.RefOf(u)
	live := r.cluster.read(ctx, ref)
	if live == nil {
		return
	}
	owner, ok := ownerOf(live.GetLabels())
	if ok && owner != s.ref {
		return
	}
	if reason == "" {
		reason = keptBecause(live, ok, authorityOf(groupKind(s.ref)).annotations)
	}
	r.enter(entry{owner: s.ref, ref: ref, action: diff.Orphan, reason: reason})
}

func keptBecause(live *unstructured.Unstructured, labelled bool, annotations string) string {
	switch {
	case !labelled:
		return "owner-label-changed"
	case ssautils.AnyInMetadata(live, map[string]string{annotations + "/prune": kustomizev1.DisabledValue}):
		return "prune-disabled"
	case ssautils.AnyInMetadata(live, map[string]string{annotations + "/reconcile": kustomizev1.DisabledValue}):
		return "reconcile-disabled"
	}
	return "ssa-ignore"
}

// enter keeps an entry; a later one of the same owner for the same object wins.
func (r *replay) enter(e entry) {
	for i, have := range r.step.entries {
		if have.owner == e.owner && have.ref == e.ref {
			r.step.entries[i] = e
			return
		}
	}
	r.step.entries = append(r.step.entries, e)
}

// leave drops the entry of an owner for an object that it left as it was.
func (r *replay) leave(owner, ref finding.Ref) {
	r.step.entries = slices.DeleteFunc(r.step.entries, func(e entry) bool {
		return e.owner == owner && e.ref == ref && e.action == diff.Unchanged
	})
}
