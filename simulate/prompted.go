package simulate

import (
	"context"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// prompted lets a Flux object reconcile whose new spec is about to be applied,
// where the same apply has just written watched values of it: its controller
// begins as soon as these change, with the spec that the cluster still has.
func (r *replay) prompted(ctx context.Context, ref finding.Ref, wrote []finding.Ref) error {
	if kind := groupKind(ref); kind != helmReleaseKind && kind != kustomizationKind || len(wrote) == 0 {
		return nil
	}
	s := &subject{ref: ref, mem: r.remember(ref)}
	if !r.reread(ctx, s) || !slices.ContainsFunc(wrote, func(values finding.Ref) bool {
		return values.Namespace == ref.Namespace && reads(s.live, values)
	}) {
		return nil
	}
	s.depth = r.depth(s.live)
	switch {
	case s.deleting(), s.mem.phase == phaseNew, r.held(ref), !r.step.input.Settings.Watches(s.live),
		s.mem.watched == r.watchedBy(ctx, s), !r.due(ctx, s, fresh):
		return nil
	}
	actor := r.recorder.current()
	turned, taken := r.recorder.answers()
	defer func() {
		r.recorder.act(actor)
		r.recorder.resume(turned, taken)
	}()
	if ok, err := r.check(ctx, s); !ok || err != nil {
		return err
	}
	if !r.reread(ctx, s) {
		return nil
	}
	return r.reconcile(ctx, s)
}

// prompting makes an apply prompt those who read what it writes.
func (r *replay) prompting(d *departures) *departures {
	d.prompt = func(ctx context.Context, ref finding.Ref) error { return r.prompted(ctx, ref, d.wrote) }
	return d
}
