package simulate

import (
	"context"
	"slices"
	"sync"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// worker reconciles a HelmRelease while others reconcile theirs.
type worker struct {
	subject *subject
	input   ReleaseInput
	reach   reach

	waits  Awaited     // what its action waits for
	told   chan lookup // what was seen of that
	result ReleaseResult
	err    error
}

// lookup is the answer to an action that waits.
type lookup struct {
	late []Laggard
	err  error
}

// halt is a worker that cannot go on: its action waits, or it is done.
type halt struct {
	worker *worker
	done   bool
}

// team returns workers for the first subjects of a queue, as far as they have
// nothing to do with each other. One alone needs no worker.
func (r *replay) team(ctx context.Context, queue []*subject, able func(*subject) bool) []*worker {
	var out []*worker
	for _, s := range queue {
		if len(out) == workers || groupKind(s.ref) != helmReleaseKind || !able(s) {
			break
		}
		w := r.worker(ctx, s)
		if w == nil || slices.ContainsFunc(out, func(other *worker) bool { return w.reach.meets(other.reach) }) {
			break
		}
		out = append(out, w)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// sideBySide reconciles releases that do not meet. Each gets on by itself until
// its action waits. Once all wait or are done, they look one after the other, so
// that what they see does not depend on which of them is faster.
func (r *replay) sideBySide(ctx context.Context, team []*worker) error {
	for _, w := range team {
		defer r.starts(ctx, w.subject)()
	}
	since := r.recorder.mark()
	r.recorder.answers()
	r.cluster.lapse()
	over, halts := make(chan struct{}), make(chan halt)
	defer close(over)
	var one sync.Mutex
	running := map[*worker]bool{}
	for _, w := range team {
		running[w] = true
		go r.works(ctx, w, &one, func(done bool) {
			select {
			case halts <- halt{w, done}:
			case <-over:
				w.told <- lookup{err: context.Canceled}
			}
		})
	}
	for len(running) > 0 {
		waiting := map[*worker]bool{}
		for len(running) > 0 {
			h := <-halts
			switch {
			case !h.done && running[h.worker]:
				waiting[h.worker] = true
			case !h.done, waiting[h.worker]: // an action that was given up still waits
				h.worker.told <- lookup{err: context.Canceled}
				delete(waiting, h.worker)
			}
			delete(running, h.worker)
		}
		r.lookFor(ctx, team, waiting)
		running = waiting
	}
	return r.teamEnds(ctx, team, since)
}

// works lets a worker reconcile its release. What it asks of the replay is asked
// by one worker at a time; halts is called when it cannot go on.
func (r *replay) works(ctx context.Context, w *worker, one *sync.Mutex, halts func(done bool)) {
	in := w.input
	in.Cluster, in.Sources = patientCluster{r.cluster, one}, patientSources{in.Sources, one}
	in.Wait = func(_ context.Context, a Awaited) ([]Laggard, error) {
		w.waits = a
		halts(false)
		seen := <-w.told
		return seen.late, seen.err
	}
	w.result, w.err = r.opts.Releases.Reconcile(ctx, in)
	halts(true)
}

// lookFor tells the workers that wait what is late, in order.
func (r *replay) lookFor(ctx context.Context, team []*worker, waiting map[*worker]bool) {
	answers := map[*worker]lookup{}
	for _, w := range team {
		if waiting[w] {
			r.recorder.act(w.subject.ref)
			late, err := r.await(ctx, w.waits)
			answers[w] = lookup{late, err}
		}
	}
	for w, answer := range answers {
		w.told <- answer
	}
}

// teamEnds notes what came of the releases as if one had come after the other:
// what later ones have written is new to those before.
func (r *replay) teamEnds(ctx context.Context, team []*worker, since mark) error {
	var actors []finding.Ref
	for _, w := range team {
		actors = append(actors, w.subject.ref)
	}
	later := r.recorder.group(since, actors)
	turned, taken := r.recorder.answers()
	for i, w := range team {
		if w.err != nil {
			return w.err
		}
		r.recorder.act(w.subject.ref)
		r.recorder.resume(turned, taken)
		if err := r.releaseEnds(ctx, w.subject, statusOf(w.subject.live), w.result); err != nil {
			return err
		}
		w.subject.mem.moment -= later[i].writes
		w.subject.mem.rulings -= later[i].rulings
	}
	return nil
}

// amount is how much somebody has written, and how much of it decides about others.
type amount struct{ writes, rulings int }

// mark is how much the recorder had noted at some time.
type mark struct{ writes, warnings int }

func (r *recorder) mark() mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return mark{len(r.writes), len(r.warnings)}
}

// group sorts what was noted since a mark by actor, in the given order; what
// others have done comes last. It returns how much the actors after each have written.
func (r *recorder) group(since mark, actors []finding.Ref) []amount {
	place := func(actor finding.Ref) int {
		if i := slices.Index(actors, actor); i >= 0 {
			return i
		}
		return len(actors)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.writes[since.writes:], func(a, b write) int { return place(a.actor) - place(b.actor) })
	slices.SortStableFunc(r.warnings[since.warnings:], func(a, b warned) int { return place(a.actor) - place(b.actor) })
	later := make([]amount, len(actors))
	for _, w := range r.writes[since.writes:] {
		for i := range slices.Index(actors, w.actor) {
			later[i].writes++
			if decides(w.ref) {
				later[i].rulings++
			}
		}
	}
	return later
}

// patientCluster is the cluster for one question at a time.
type patientCluster struct {
	*cluster
	one *sync.Mutex
}

// patientSources are sources for one question at a time.
type patientSources struct {
	render.Sources
	one *sync.Mutex
}

// Artifact implements render.Sources.
func (s patientSources) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	s.one.Lock()
	defer s.one.Unlock()
	return s.Sources.Artifact(ctx, ref)
}

// Chart implements render.Sources.
func (s patientSources) Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	s.one.Lock()
	defer s.one.Unlock()
	return s.Sources.Chart(ctx, ref, chart, version)
}
