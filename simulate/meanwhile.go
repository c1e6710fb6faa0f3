package simulate

import (
	"context"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// meanwhile gives everybody else a turn while a release waits for Flux objects,
// which the other controllers bring up, or take down, in that time. It reports
// whether anything happened.
func (r *replay) meanwhile(ctx context.Context) (bool, error) {
	before := r.moment()
	defer r.aside()()
	for _, f := range []func(context.Context) error{
		r.finalizeAll,
		func(ctx context.Context) error { return r.sources(ctx, false) },
		r.generators,
		func(ctx context.Context) error { return r.reconcileAll(ctx, fresh) },
		r.settle,
		r.waiters,
	} {
		if err := f(ctx); err != nil {
			return false, err
		}
	}
	return r.moment() != before, nil
}

// aside lets others act and be answered until the returned function is called,
// which gives the turn back to whoever has it now.
func (r *replay) aside() func() {
	actor := r.recorder.current()
	turned, taken := r.recorder.answers()
	return func() {
		r.recorder.act(actor)
		r.recorder.resume(turned, taken)
	}
}

// moves reports whether one of the objects is one that the replay reconciles.
func moves(refs []finding.Ref) bool {
	return slices.ContainsFunc(refs, func(ref finding.Ref) bool {
		_, flux := kindOf(ref)
		return flux
	})
}

// begins marks a subject as one that its controller works on, until the
// returned function is called.
func (s *subject) begins() func() {
	s.mem.busy = true
	s.mem.attempts++
	return func() { s.mem.busy = false }
}
