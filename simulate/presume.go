package simulate

import (
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/object"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Running is what is known of a cluster that runs the first step before the
// replay begins. It serves all that the step brings, and many clusters do not come
// up from nothing by Flux alone: some Secrets were there first. Where the replay of
// the first step comes to a standstill for want of them, they are taken to be in
// the cluster.
type Running struct {
	Definitions []*render.Object           // the CRDs that the Flux objects of the step bring
	Declares    func(ref finding.Ref) bool // whether the step has an object
}

// presume takes to be in the cluster what it lacks to run the first step. It
// reports whether that helps.
func (r *replay) presume(ctx context.Context) (bool, error) {
	if r.opts.Running == nil || !r.step.first {
		return false, nil
	}
	return r.presumeValues(ctx) || r.excuse(ctx), nil
}

// excuse lets those get on that wait for a Flux object that fails: in the cluster
// it did not, or what it lacks is not known here. As long as it fails in the same
// way that is no reason to hide what becomes of the others.
func (r *replay) excuse(ctx context.Context) bool {
	all := r.subjects(ctx, r.ownerKinds()...)
	found := false
	for _, s := range all {
		if _, ok := r.excused[s.ref]; !ok && s.mem.fails() && slices.ContainsFunc(all, func(other *subject) bool { return waitsFor(other, s.ref) }) {
			r.excused[s.ref] = s.mem.condition
			r.clock++
			found = true
		}
	}
	return found
}

// waitsFor reports whether a subject cannot get on before another is ready.
func waitsFor(s *subject, ref finding.Ref) bool {
	switch {
	case s.mem.phase == phaseBlocked:
		return slices.ContainsFunc(s.dependencies(), func(d dependency) bool { return d.ref == ref })
	case s.mem.phase == phaseWaiting && s.mem.waiting != nil:
		return slices.ContainsFunc(s.mem.waiting.ids, func(id object.ObjMetadata) bool { return refOfID(id) == ref })
	}
	return false
}

// presumeDefinitions defines the kinds that the step brings: they are served all
// the time that its cluster runs. They belong to the controllers that bring them,
// and what the server refuses is left to those.
func (r *replay) presumeDefinitions(ctx context.Context) error {
	if r.opts.Running == nil || !r.step.first || r.opts.Ahead != nil {
		return nil
	}
	brought := slices.DeleteFunc(r.opts.Running.definitions(), func(d managedCRD) bool {
		return r.cluster.read(ctx, render.RefOf(d.crd)) != nil
	})
	r.define(ctx, brought)
	if err := r.alive(ctx); err != nil {
		return err
	}
	return r.establish(ctx)
}

// presumeValues makes the content of a ConfigMap or Secret unknown that is
// missing, that nothing in the step declares, and that a Flux object cannot do
// without.
func (r *replay) presumeValues(ctx context.Context) bool {
	found := false
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if s.mem.phase != phaseFailed {
			continue
		}
		for _, ref := range render.Wanted(s.live, s.mem.reason) {
			if r.cluster.read(ctx, ref) != nil || r.unsure(ref) || r.opts.Running.Declares(ref) {
				continue
			}
			found = true
			r.produced[ref] = true
			r.clock++
			r.assume(r.object(s).At("/spec"), "%s is in the cluster, since it runs %s and %s takes values from it; its content is not known",
				ref, r.step.input.Name, s.ref)
		}
	}
	return found
}

func (r *replay) assume(pos finding.Position, format string, args ...any) {
	r.step.assumed = append(r.step.assumed, repo.Assumption{Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// presumed reports whether an object whose result is unknown here is taken for
// ready, or one that fails as it did in the first step, which the cluster runs.
func (r *replay) presumed(ctx context.Context, ref finding.Ref) bool {
	m := r.memory[ref]
	if !r.opts.Emulate.AssumeReady || m == nil {
		return false
	}
	if r.failsAsBefore(ctx, ref) {
		r.tell(failingAsBefore, ref.String())
		return true
	}
	if m.phase != phaseUnknown {
		return false
	}
	r.tell(unknownResults, ref.String())
	return true
}

// failsAsBefore reports whether a Flux object is excused, and still fails in the
// same way with what it has to try now.
func (r *replay) failsAsBefore(ctx context.Context, ref finding.Ref) bool {
	excused, ok := r.excused[ref]
	m := r.memory[ref]
	if !ok || !m.fails() || excused != m.condition {
		return false
	}
	u := r.cluster.read(ctx, ref)
	return u != nil && m.tried == r.attemptable(ctx, &subject{ref: ref, live: u, mem: m})
}

// attemptable tells the spec and the revision that an attempt of a subject is about.
func (r *replay) attemptable(ctx context.Context, s *subject) string {
	return fmt.Sprintf("%d %s", s.live.GetGeneration(), r.revisionFor(ctx, s))
}
