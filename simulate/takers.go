package simulate

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// beside notes who has woken with each other, and how often each has been
// reconciled before, until the returned function is called.
func (r *replay) beside(woken []*subject, attempts map[finding.Ref]int) func() {
	was, before := r.step.woken, r.step.attempts
	r.step.woken, r.step.attempts = woken, attempts
	return func() { r.step.woken, r.step.attempts = was, before }
}

// yield lets Kustomizations that have woken together with another one apply what
// that one is about to prune: they apply side by side, and a prune comes after.
func (r *replay) yield(ctx context.Context, by *subject, stale []*unstructured.Unstructured) error {
	leaves := map[finding.Ref]bool{}
	for _, u := range stale {
		leaves[render.RefOf(u)] = true
	}
	for _, s := range r.step.woken {
		if s.ref == by.ref || groupKind(s.ref) != kustomizationKind || s.mem.busy || s.mem.attempts != r.step.attempts[s.ref] ||
			!r.reread(ctx, s) || s.remote() || s.deleting() {
			continue
		}
		if !slices.ContainsFunc(r.render(ctx, s).Applies, func(o *render.Object) bool { return leaves[o.Ref()] }) {
			continue
		}
		if err := r.amid(func() error { return r.reconcile(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}
