package main

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// ahead returns what lets the control planes that start define what their
// clusters bring while the rest is rendered.
func (p *planes) ahead(ctx context.Context, s simulation, head, base *revision) func(*cluster) {
	r := replay{project: p.project, simulation: s}
	first := head
	if base != nil {
		first = base
	}
	return func(c *cluster) {
		i := slices.IndexFunc(head.clusters, func(h *cluster) bool { return h.entry.Name == c.entry.Name })
		if c.revision != first || i < 0 || i >= len(p.started) {
			return
		}
		if base != nil {
			r.base = c
		}
		if o := r.before(c); o.Foreseeable() {
			p.foresee(ctx, i, o)
		}
	}
}

// before are the options that are about the cluster before the replay begins.
// The first step is that of a revision of it.
func (r replay) before(first *cluster) simulate.Options {
	o := simulate.Options{
		FluxCRDs: first.fluxCRDs(), Live: withLive(plainObjects(first.extra), plainObjects(r.project.live)),
		Emulate: r.environment(), SeedManager: r.config.Rehearsal.Manager,
	}
	if r.base != nil && r.config.Rehearsal.Environment != bareServer {
		o.Running = running(r.base)
	}
	return o
}

// anew replays on another control plane: what was defined on that of the replay
// is not what it has to be in the end.
func (r replay) anew(ctx context.Context, bar *progress, out *v1.Cluster) error {
	if err := r.plane.Stop(); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	return playOn(ctx, r.boot(ctx), func(b booted) error {
		r.plane, r.ahead = b.Plane, nil
		return r.run(ctx, bar, out)
	})
}
