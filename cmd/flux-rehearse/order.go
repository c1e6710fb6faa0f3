package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// otherOrder replays head once more, on a server of its own, where the
// controllers leave the order of owners open, and adds what then ends
// differently to the facts of the step.
func (r replay) otherOrder(ctx context.Context, o simulate.Options, steps []simulate.Step) error {
	at := slices.IndexFunc(steps, func(s simulate.Step) bool { return s.Name == "head" && len(s.Open) > 0 })
	if at < 0 {
		return nil
	}
	plane := <-r.boot(ctx)
	if plane.err != nil {
		return plane.err
	}
	o.Config, o.States = plane.Config(), false
	o.Steps = slices.Clone(o.Steps[:at+1])
	o.Steps[at].Order = steps[at].Open
	result, err := simulate.Run(ctx, o)
	if stop := plane.Stop(); err == nil && stop != nil {
		err = fmt.Errorf("stop the API server: %w", stop)
	}
	if err != nil {
		return fmt.Errorf("replay cluster %s in another order: %w", r.head.entry.Name, err)
	}
	steps[at].Facts = append(steps[at].Facts, simulate.Compare(steps[at], result.Steps[at])...)
	slices.SortStableFunc(steps[at].Facts, finding.CompareFacts)
	return nil
}
