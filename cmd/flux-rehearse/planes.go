package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
)

// atOnce bounds how many control planes run at a time: each takes about half a
// gigabyte of memory.
const atOnce = 4

// planes are control planes that start or have started. Replays take one each.
type planes struct {
	project *project
	started []chan booted
}

type booted struct {
	*controlplane.Plane
	ahead *simulate.Ahead // what has been defined on it, nil for nothing
	err   error
}

// bootAll starts as many control planes as replays of n clusters run at a time.
// Whatever they make needless is told why when one does not start or is lost.
func (p *project) bootAll(ctx context.Context, n int, needless context.CancelCauseFunc) *planes {
	out := &planes{project: p}
	for range min(n, p.opt.workers, atOnce) {
		out.started = append(out.started, observed(p.boot(ctx), needless))
	}
	return out
}

// observed tells when a control plane does not start, or is lost.
func observed(next chan booted, tell context.CancelCauseFunc) chan booted {
	out := make(chan booted, 1)
	go func() {
		b := <-next
		out <- b
		close(out)
		err := b.err
		if err == nil {
			<-b.Done()
			err = lost(b.Plane)
		}
		if err != nil {
			tell(err)
		}
	}()
	return out
}

// lost says in one line why a control plane no longer serves, nil while it does
// and once it was stopped.
func lost(plane *controlplane.Plane) error {
	dead := plane.Err()
	if dead == nil {
		return nil
	}
	text, _, _ := strings.Cut(dead.Error(), "\n")
	return fmt.Errorf("the API server is lost: %s", text)
}

// boot starts a control plane in the background.
func (p *project) boot(ctx context.Context) chan booted {
	out := make(chan booted, 1)
	go func() {
		plane, err := controlplane.Start(ctx, controlplane.Options{ServiceRange: p.config.ServiceRange, NodePortRange: p.config.NodePortRange})
		if err != nil {
			err = fmt.Errorf("start an API server: %w", err)
		}
		out <- booted{Plane: plane, err: err}
		close(out)
	}()
	return out
}

// foresee lets a control plane that nobody has taken yet define what its replay
// will, as far as that is known.
func (p *planes) foresee(ctx context.Context, i int, o simulate.Options) {
	before, after := p.started[i], make(chan booted, 1)
	p.started[i] = after
	go func() {
		defer close(after)
		b := <-before
		if b.err == nil && b.ahead == nil {
			o.Config = b.Config()
			b.ahead, _ = simulate.NewAhead(o) // else the replay says what is wrong
		}
		if b.ahead != nil {
			b.ahead.Define(ctx, o)
		}
		after <- b
	}()
}

// play runs each replay on a control plane of its own. The first error ends the
// others and is returned.
func (p *planes) play(ctx context.Context, replays []replay, run func(ctx context.Context, i int, r replay) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for w, next := range p.started {
		group.Go(func() error {
			for i := w; i < len(replays); i += len(p.started) {
				if i != w {
					next = p.project.boot(ctx)
				}
				if err := playOn(ctx, next, func(b booted) error {
					r := replays[i]
					r.plane, r.ahead = b.Plane, b.ahead
					return run(ctx, i, r)
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// playOn waits for a control plane, uses and stops it.
func playOn(ctx context.Context, next chan booted, use func(booted) error) error {
	plane := <-next
	if plane.err != nil {
		return plane.err
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), plane.Stop())
	}
	err := lost(plane.Plane) // before its turn
	if err == nil {
		err = use(plane)
	}
	if stop := plane.Stop(); err == nil && stop != nil {
		err = fmt.Errorf("stop the API server: %w", stop)
	}
	return err
}

// played replays the steps on the control plane. A replay whose server is gone is
// given up when it does not end soon: the waits of others' libraries cannot be
// interrupted.
func (r replay) played(ctx context.Context, o simulate.Options) (result simulate.Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan func() (simulate.Result, error), 1)
	go func() {
		result, err := simulate.Run(ctx, o)
		ended <- func() (simulate.Result, error) { return result, err }
	}()
	select {
	case end := <-ended:
		if result, err = end(); err != nil && ctx.Err() == nil {
			// A request may fail a moment before the end of its server is noticed.
			select {
			case <-r.plane.Done():
			case <-time.After(time.Second):
			}
		}
	case <-r.plane.Done():
		cancel() // a client would go on asking
		select {
		case end := <-ended:
			result, err = end()
		case <-time.After(insistence):
		}
	}
	if dead := lost(r.plane); dead != nil {
		return result, dead
	}
	if err != nil {
		return result, fmt.Errorf("replay cluster %s: %w", r.head.entry.Name, err)
	}
	return result, nil
}

// discard stops control planes that nobody has taken.
func (p *planes) discard() {
	for _, next := range p.started {
		if b, ok := <-next; ok && b.err == nil {
			_ = b.Stop()
		}
	}
}
