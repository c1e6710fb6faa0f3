package simulate

import (
	"context"

	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// postponed is what Kustomizations that fail or wait have in their inventories
// and render no more: it goes as soon as they apply, which this step does not
// show. What another owner applies may be taken over before.
func (r *replay) postponed(ctx context.Context) []facts.Object {
	var out []facts.Object
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		fails := s.mem.phase == phaseFailed || s.mem.phase == phasePaused || s.mem.phase == phaseBlocked
		if !fails || groupKind(s.ref) == helmReleaseKind || s.suspended() || s.deleting() || s.remote() || len(s.mem.rendered) == 0 {
			continue
		}
		k, err := kustomizationOf(s.live)
		if err != nil || !k.Spec.Prune {
			continue
		}
		m, err := r.applier(ctx, k)
		if err != nil {
			continue
		}
		keeps := deleteOptions(m, k).Exclusions
		for _, i := range inventoryOf(k.Status.Inventory) {
			ref := refOfID(i.id)
			live := r.cluster.read(ctx, ref)
			if live == nil || s.mem.rendered[ref] != nil || live.GetDeletionTimestamp() != nil || ssautils.AnyInMetadata(live, keeps) {
				continue
			}
			if owner, _ := ownerOf(live.GetLabels()); owner != s.ref || len(r.providers(ref)) > 0 {
				continue
			}
			o := facts.Object{Ref: ref, Owner: s.ref, Action: diff.Delete, Reason: facts.Postponed, Before: live.Object,
				At: func(pointer string) finding.Position { return r.placeOf(s.ref, ref, pointer) }}
			if groupKind(ref) == crdKind {
				for _, u := range r.contents(ctx, groupKind(definition(live.Object))) {
					o.Instances = append(o.Instances, render.RefOf(&unstructured.Unstructured{Object: u}))
				}
			}
			out = append(out, o)
		}
	}
	return out
}
