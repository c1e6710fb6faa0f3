package simulate

import (
	"context"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// prompted lets Flux objects reconcile that an apply has given a reason to, before
// it writes the next object: their controllers begin at once. An object whose new
// spec comes next is woken by watched values of it that the apply has written. One
// whose new spec the apply has written meets the artifact that its source has had
// so far, where the new spec of the source comes next, unless it comes right after
// its own: the controller has other things to do before it looks at the source.
func (r *replay) prompted(ctx context.Context, next finding.Ref, wrote []finding.Ref) error {
	switch kind := groupKind(next); {
	case kind == helmReleaseKind || kind == kustomizationKind:
		return r.promptedByValues(ctx, next, wrote)
	case next.Group == sourceGroup:
		return r.promptedBySpecs(ctx, next, wrote)
	}
	return nil
}

func (r *replay) promptedByValues(ctx context.Context, ref finding.Ref, wrote []finding.Ref) error {
	s := &subject{ref: ref, mem: r.remember(ref)}
	if !r.reread(ctx, s) || s.mem.watched == r.watchedBy(ctx, s) || !slices.ContainsFunc(wrote, func(values finding.Ref) bool {
		return carriesValues(values) && values.Namespace == ref.Namespace && reads(s.live, values)
	}) {
		return nil
	}
	return r.interpose(ctx, s)
}

func (r *replay) promptedBySpecs(ctx context.Context, source finding.Ref, wrote []finding.Ref) error {
	if u := r.cluster.read(ctx, source); u == nil || artifactRevision(u) == "" {
		return nil
	}
	for _, ref := range wrote[:max(len(wrote)-1, 0)] {
		if kind := groupKind(ref); kind != helmReleaseKind && kind != kustomizationKind {
			continue
		}
		s := &subject{ref: ref, mem: r.remember(ref)}
		if !r.reread(ctx, s) || !s.changed() {
			continue
		}
		if own, ok := r.sourceOf(s); !ok || own != source {
			continue
		}
		if err := r.interpose(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// interpose reconciles a Flux object in the midst of the work for another one.
func (r *replay) interpose(ctx context.Context, s *subject) error {
	s.depth = r.depth(s.live)
	if s.deleting() || s.mem.phase == phaseNew || r.held(s.ref) || !r.step.input.Settings.Watches(s.live) || !r.due(ctx, s, fresh) {
		return nil
	}
	return r.amid(func() error {
		if ok, err := r.check(ctx, s); !ok || err != nil {
			return err
		}
		if !r.reread(ctx, s) {
			return nil
		}
		return r.reconcile(ctx, s)
	})
}

// amid does the work for a Flux object in the midst of the work for another one.
func (r *replay) amid(work func() error) error {
	actor := r.recorder.current()
	turned, taken := r.recorder.answers()
	defer func() {
		r.recorder.act(actor)
		r.recorder.resume(turned, taken)
	}()
	return work()
}

// prompting makes an apply prompt those who read what it writes.
func (r *replay) prompting(d *departures) *departures {
	d.prompt = func(ctx context.Context, ref finding.Ref) error { return r.prompted(ctx, ref, d.wrote) }
	return d
}
