package simulate

import (
	"context"
	"errors"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	ssaerrors "github.com/fluxcd/pkg/ssa/errors"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// applyFailed ends an attempt whose apply the server refused.
func (r *replay) applyFailed(ctx context.Context, a *attempt, err error) error {
	a.subject.mem.reason = "apply-failed"
	if len(a.subject.mem.failures) == 0 {
		r.refused(a, err)
	}
	var l lingering
	if errors.As(err, &l) {
		return r.lingers(ctx, a, l)
	}
	r.markBeyond(ctx, a, err)
	if err := r.fails(ctx, a, "ReconciliationFailed", err.Error()); err != nil {
		return err
	}
	r.again(a)
	return nil
}

// repeatLimit is how often in a row an apply that fails is tried again only
// since it has changed objects itself.
const repeatLimit = 2

// again has an attempt repeated that fails after it has changed objects: the
// next one finds these as they should be, and may fail elsewhere.
func (r *replay) again(a *attempt) {
	m := a.subject.mem
	if r.recorder.count() == a.writes {
		m.repeats = 0
		return
	}
	if m.repeats++; m.repeats <= repeatLimit {
		m.moment = -1
	}
}

// markBeyond tells the object that Flux stops at from those that it does not get to.
func (r *replay) markBeyond(ctx context.Context, a *attempt, err error) {
	var stop finding.Ref
	var dry *ssaerrors.DryRunErr
	if errors.As(err, &dry) && dry.InvolvedObject() != nil {
		stop = render.RefOf(dry.InvolvedObject())
	} else if o, _ := a.refusedWrite(err); o != nil {
		stop = o.Ref()
	}
	list := a.subject.mem.failures
	for i, f := range list {
		list[i].Beyond = !stop.IsZero() && f.Object.Ref() != stop
		list[i].Exists = r.cluster.read(ctx, f.Object.Ref()) != nil
	}
}

// refused remembers the object that made the apply fail.
func (r *replay) refused(a *attempt, err error) {
	var dry *ssaerrors.DryRunErr
	if !errors.As(err, &dry) || dry.InvolvedObject() == nil {
		return
	}
	o := a.original(dry.InvolvedObject())
	a.subject.mem.failures = append(a.subject.mem.failures, Refusal{Object: o, Error: verdict(o, dry.Unwrap())})
}

// refusedWrite is the object that the server has refused after the dry run of it
// had passed, such as a Service whose node port another one has just taken, and
// what it said. Without such an object it returns nil.
func (a *attempt) refusedWrite(err error) (*render.Object, error) {
	var dry *ssaerrors.DryRunErr
	var status *apierrors.StatusError
	if errors.As(err, &dry) || !errors.As(err, &status) {
		return nil, nil
	}
	for _, o := range a.result.Applies {
		if strings.HasPrefix(err.Error(), ssautils.FmtUnstructured(o.Unstructured)+" ") {
			return o, status
		}
	}
	return nil, nil
}

// refusedLate remembers the object whose write the server has refused.
func (r *replay) refusedLate(a *attempt, err error) {
	if o, said := a.refusedWrite(err); o != nil {
		r.leave(a.subject.ref, o.Ref())
		a.subject.mem.failures = append(a.subject.mem.failures, Refusal{Object: o, Error: verdict(o, said)})
	}
}

// tryRest tries, after Flux's own verdict is known, every object of a
// Kustomization by itself, so that one run shows all mistakes. Nothing is changed.
func (r *replay) tryRest(ctx context.Context, a *attempt, m *ssa.ResourceManager, objects []*unstructured.Unstructured) {
	mem := a.subject.mem
	done := map[finding.Ref]bool{}
	for _, f := range mem.failures {
		done[f.Object.Ref()] = true
	}
	for _, e := range a.changes.Entries {
		done[finding.Ref{Group: e.ObjMetadata.GroupKind.Group, Kind: e.ObjMetadata.GroupKind.Kind,
			Namespace: e.ObjMetadata.Namespace, Name: e.ObjMetadata.Name}] = true
	}
	for _, u := range objects {
		if done[render.RefOf(u)] || r.alive(ctx) != nil {
			continue
		}
		same, err := r.tryApply(ctx, a.subject, m, u)
		if same {
			continue
		}
		if err == nil || r.comesEarlier(u, objects, err) {
			mem.blocked = append(mem.blocked, render.RefOf(u))
			continue
		}
		o := a.original(u)
		mem.failures = append(mem.failures, Refusal{Object: o, Error: verdict(o, err)})
	}
}

// tryApply is what the server would say to one object of an owner, and whether
// the cluster has it already as the owner wants it.
func (r *replay) tryApply(ctx context.Context, s *subject, m *ssa.ResourceManager, u *unstructured.Unstructured) (bool, error) {
	dry := u.DeepCopy()
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	err := m.Client().Patch(ctx, dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(authorityOf(groupKind(s.ref)).manager))
	ref := render.RefOf(u)
	r.leave(s.ref, ref)
	if err != nil {
		return false, err
	}
	live := r.cluster.read(ctx, ref)
	same := live != nil && len(diff.Objects(live.Object, dry.Object)) == 0
	if same {
		r.enter(entry{owner: s.ref, ref: ref, action: diff.Unchanged})
	}
	return same, nil
}

// comesEarlier reports whether the refusal only says that an object of an
// earlier stage of the same Kustomization does not exist yet.
func (r *replay) comesEarlier(u *unstructured.Unstructured, objects []*unstructured.Unstructured, err error) bool {
	if !absent(err) {
		return false
	}
	placeless := nowhere.MatchString(err.Error())
	for _, o := range objects {
		switch {
		case placeless && o.GetKind() == "Namespace" && o.GetName() == u.GetNamespace():
			return true
		case !placeless && o.GetKind() == crdKind.Kind:
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			if kind == u.GetKind() && group == u.GroupVersionKind().Group {
				return true
			}
		}
	}
	return false
}

// verdict is the server's error on an object, with the places to edit.
func verdict(o *render.Object, err error) diff.Error {
	out := diff.Error{Reason: string(apierrors.ReasonForError(err)), Message: err.Error()}
	if out.Reason == "" {
		out.Reason = "Failed"
		if absent(err) {
			out.Reason = "NoMatch"
		}
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			out.Causes = append(out.Causes, diff.Cause{Field: c.Field, Message: c.Message, Pos: o.At(pointerTo(o, c.Field))})
		}
	}
	if len(out.Causes) == 0 {
		out.Causes = misfits(o, out.Message)
	}
	return out
}
