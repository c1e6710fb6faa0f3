package simulate

import (
	"context"
	"fmt"
	"slices"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// finalizeLimit is how often the cleaning after one Flux object is tried in a
// step: a failed attempt may change objects, and so wake other failed ones.
const finalizeLimit = 3

// finalizeAll lets the controllers finish with the Flux objects that are being
// deleted, and with those that go with them: a controller begins with a deleted
// object at once, and comes back to a new one only after a pause.
func (r *replay) finalizeAll(ctx context.Context) error {
	tried := map[finding.Ref]bool{}
	for before := -1; before != len(tried); {
		before = len(tried)
		if err := r.finalizeOnce(ctx, tried); err != nil {
			return err
		}
	}
	return nil
}

// finalizeOnce lets the controllers finish with the Flux objects that are being
// deleted now, each of which is tried once.
func (r *replay) finalizeOnce(ctx context.Context, tried map[finding.Ref]bool) error {
	all := r.subjects(ctx, fluxKinds...)
	slices.SortStableFunc(all, func(a, b *subject) int { return definesKinds(a) - definesKinds(b) })
	for _, s := range all {
		k, _ := kindOf(s.ref)
		if tried[s.ref] || !s.deleting() || r.held(s.ref) || !r.reread(ctx, s) || !slices.Contains(s.live.GetFinalizers(), k.finalizer) {
			continue
		}
		m := s.mem
		if m.busy || r.lingering(ctx, m) || m.unfinished > 0 && (m.moment == r.moment() || m.unfinished == finalizeLimit) {
			continue
		}
		tried[s.ref] = true
		r.recorder.act(s.ref)
		done, err := r.finalize(ctx, s, k)
		if err != nil {
			return err
		}
		if !done {
			m.unfinished++
			m.moment = r.moment()
			continue
		}
		r.forget(s.ref)
		if err := r.cluster.release(ctx, s.live); err != nil {
			return err
		}
		r.clock++
	}
	return nil
}

// definesKinds is 1 for a Flux object that has applied definitions, else 0. The
// controllers finish with all objects at once, and a definition goes slower than
// the objects of its kind: whoever applies those still gets to them.
func definesKinds(s *subject) int {
	if slices.ContainsFunc(inventoryRefs(s.live), func(ref finding.Ref) bool { return groupKind(ref) == crdKind }) {
		return 1
	}
	return 0
}

// finalize lets the controller of a Flux object clean up after it. It reports
// whether that is over: an object whose cleaning fails stays.
func (r *replay) finalize(ctx context.Context, s *subject, k fluxKind) (bool, error) {
	defer s.begins()()
	if s.remote() {
		r.note("%s is deleted: what becomes of its objects on the cluster of spec.kubeConfig is not replayed", s.ref)
		return true, nil
	}
	switch k.GroupKind {
	case kustomizationKind, resourceSetKind:
		return r.finalizeKustomization(ctx, s)
	case fluxInstanceKind:
		r.uninstalls(ctx, s)
	case helmReleaseKind:
		return r.finalizeRelease(ctx, s)
	case generatorKind:
		return true, r.removeExternal(ctx, s, nil)
	}
	return true, nil
}

// forget drops what the replay remembers of a Flux object that is gone.
func (r *replay) forget(ref finding.Ref) {
	*r.remember(ref) = memory{gone: true}
	delete(r.artifacts, ref)
	delete(r.failures, ref)
	if o := r.applied[ref]; o != nil {
		r.left[ref] = o
	}
	delete(r.applied, ref)
}

// finalizeKustomization deletes what the Kustomization has applied, if its
// policy says so.
func (r *replay) finalizeKustomization(ctx context.Context, s *subject) (bool, error) {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return true, nil
	}
	old := inventoryOf(k.Status.Inventory)
	var objects []*unstructured.Unstructured
	for _, i := range old {
		objects = append(objects, i.object())
	}
	if !deletes(k) {
		for _, u := range objects {
			r.orphan(ctx, s, u, "deletion-policy")
		}
		return true, nil
	}
	if len(objects) == 0 {
		return true, nil
	}
	if !r.accountExists(ctx, k) {
		for _, u := range objects {
			r.orphan(ctx, s, u, "service-account-gone")
		}
		r.event(s.ref, "Warning", statusOf(s.live).ready().Reason, "unable to prune objects: \n"+ssautils.FmtUnstructuredList(objects))
		return true, nil
	}
	m, err := r.applier(ctx, k)
	if err != nil {
		return false, err
	}
	gone, err := r.deleteAll(ctx, m, k, objects)
	r.keepPruned(ctx, s, gone)
	if err != nil {
		r.event(s.ref, "Warning", statusOf(s.live).ready().Reason, "pruning for deleted resource failed")
		r.note("%s stays: pruning for its deletion failed: %v", s.ref, err)
		return false, nil
	}
	if len(gone.Entries) > 0 {
		r.event(s.ref, "Normal", statusOf(s.live).ready().Reason, gone.String())
	}
	return true, r.awaitEnd(ctx, s, k, gone)
}

// awaitEnd waits for what was deleted where the policy says so. What does not
// go in time only makes an event.
func (r *replay) awaitEnd(ctx context.Context, s *subject, k *kustomizev1.Kustomization, gone *ssa.ChangeSet) error {
	if k.GetDeletionPolicy() != kustomizev1.DeletionPolicyWaitForTermination {
		return nil
	}
	for _, e := range gone.Entries {
		ref := refOfID(e.ObjMetadata)
		if _, flux := kindOf(ref); flux || e.Action != ssa.DeletedAction {
			continue
		}
		if departed, err := r.departed(ctx, ref); err != nil || departed {
			if err != nil {
				return err
			}
			continue
		}
		r.event(s.ref, "Warning", statusOf(s.live).ready().Reason, "failed to wait for resources termination")
		return nil
	}
	return nil
}

// deletes reports whether the deletion of a Kustomization deletes its objects.
func deletes(k *kustomizev1.Kustomization) bool {
	switch {
	case k.Spec.Suspend:
		return false
	case k.GetDeletionPolicy() == kustomizev1.DeletionPolicyMirrorPrune:
		return k.Spec.Prune
	}
	return k.GetDeletionPolicy() != kustomizev1.DeletionPolicyOrphan
}

// accountExists reports whether the service account of a Kustomization is still there.
func (r *replay) accountExists(ctx context.Context, k *kustomizev1.Kustomization) bool {
	name := k.Spec.ServiceAccountName
	if name == "" && !operated(finding.Ref{Group: k.GroupVersionKind().Group}) {
		name = r.step.input.Settings.KustomizeDefaultServiceAccount
	}
	return name == "" || r.cluster.read(ctx, finding.Ref{Kind: "ServiceAccount", Namespace: k.Namespace, Name: name}) != nil
}

// removeExternal deletes the ExternalArtifacts of a generator except those to keep.
func (r *replay) removeExternal(ctx context.Context, s *subject, keep []finding.Ref) error {
	for _, u := range r.cluster.list(ctx, externalKind) {
		ref := render.RefOf(u)
		if u.GetLabels()[generatorLabel] != string(s.live.GetUID()) || slices.Contains(keep, ref) {
			continue
		}
		if err := r.cluster.plain.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s: %w", ref, err)
		}
		delete(r.artifacts, ref)
		r.clock++
	}
	return nil
}
