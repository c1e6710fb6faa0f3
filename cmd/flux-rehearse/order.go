package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// otherOrder replays head once more where the controllers leave the order of
// Flux objects open, and adds what then ends differently to the facts of the
// step. Its server takes the place of the one that the replay has used, so that
// no more of them run at a time.
func (r replay) otherOrder(ctx context.Context, o simulate.Options, steps []simulate.Step) error {
	at := slices.IndexFunc(steps, func(s simulate.Step) bool { return s.Name == "head" && len(s.Open) > 0 })
	if at < 0 {
		return nil
	}
	if err := r.plane.Stop(); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	return playOn(ctx, r.boot(ctx), func(b booted) error {
		r.plane = b.Plane
		o.Config, o.Ahead, o.States = b.Config(), nil, false
		o.Releases = releases()
		o.Steps = slices.Clone(o.Steps[:at+1])
		o.Steps[at].Order = steps[at].Open
		result, err := r.played(ctx, o)
		if err != nil {
			return fmt.Errorf("in another order: %w", err)
		}
		steps[at].Facts = append(steps[at].Facts, simulate.Compare(steps[at], result.Steps[at])...)
		slices.SortStableFunc(steps[at].Facts, finding.CompareFacts)
		return nil
	})
}
