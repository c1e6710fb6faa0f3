package simulate

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// play replays one step until nothing changes any more.
func (r *replay) play(ctx context.Context, in StepInput) (Step, error) {
	first := !r.seeded
	r.begin(in)
	r.step.first = first
	if err := r.presumeDefinitions(ctx); err != nil {
		return Step{}, err
	}
	if !first {
		if err := r.claim(ctx); err != nil {
			return Step{}, err
		}
	}
	r.step.owners = r.ownersNow(ctx)
	r.beginOrder()
	if err := r.edits(ctx); err != nil {
		return Step{}, err
	}
	for round := 0; ; round++ {
		if round == roundLimit {
			r.note("not settled after %d rounds: the state shown is one of several between which the cluster changes", roundLimit)
			break
		}
		if err := r.alive(ctx); err != nil {
			return Step{}, err
		}
		busy, err := r.round(ctx, round == 0)
		if err != nil {
			return Step{}, err
		}
		if !busy {
			break
		}
	}
	return r.finish(ctx), nil
}

func (r *replay) begin(in StepInput) {
	renderers := in.Renderers
	if len(renderers) == 0 {
		renderers = r.opts.Renderers
	}
	cached := make([]render.Renderer, len(renderers))
	for i, renderer := range renderers {
		cached[i] = r.renders.Wrap(renderer)
	}
	notes, told := r.carried()
	r.step = &stepRun{input: in, notes: notes, told: told, renderer: render.Registry(cached), ranked: map[finding.Ref]bool{}}
	for _, m := range r.memory {
		m.resync, m.unfinished, m.repeats = in.Resync, 0, 0
	}
	r.recorder.take()
	r.listed = 0
}

// round gives everybody who has something to do one chance to do it. It reports
// whether anything happened.
func (r *replay) round(ctx context.Context, first bool) (bool, error) {
	before := r.moment()
	steps := []func(context.Context) error{
		r.finalizeAll,
		r.settle,
		func(ctx context.Context) error { return r.sources(ctx, first) },
		r.generators,
		func(ctx context.Context) error { return r.reconcileAll(ctx, fresh) },
		r.settle,
		r.waiters,
	}
	for _, f := range steps {
		if err := f(ctx); err != nil {
			return false, err
		}
	}
	if r.moment() != before {
		return true, nil
	}
	for _, again := range []eagerness{likely, vain} {
		if err := r.reconcileAll(ctx, again); err != nil {
			return false, err
		}
		if r.moment() != before {
			return true, nil
		}
	}
	if r.letGo() {
		return true, nil
	}
	if presumed, err := r.presume(ctx); presumed || err != nil {
		return presumed, err
	}
	return r.timeout(ctx)
}

// eagerness says who else reconciles than those who have a new reason to.
type eagerness int

const (
	fresh  eagerness = iota // nobody
	likely                  // those that failed, where something has changed since that may help
	vain                    // all that failed, where anything has changed since
)

// moment grows whenever something happens that somebody may wait for.
func (r *replay) moment() int { return r.clock + r.recorder.count() }

// reconcileAll reconciles the Kustomizations and HelmReleases that have a
// reason to. All of them check their dependencies before the first one starts,
// since in a cluster they wake at the same time; but for latecomers.
func (r *replay) reconcileAll(ctx context.Context, again eagerness) error {
	r.reindex(ctx)
	var ready, last []*subject
	attempts := map[finding.Ref]int{}
	all := slices.DeleteFunc(r.subjects(ctx, r.ownerKinds()...), func(s *subject) bool {
		return s.deleting() || r.held(s.ref) || !r.step.input.Settings.Watches(s.live)
	})
	if slices.ContainsFunc(all, func(s *subject) bool { return s.mem.resync }) {
		// They are asked in the order in which the server lists them.
		slices.SortStableFunc(all, func(a, b *subject) int { return a.ref.Compare(b.ref) })
	}
	late := r.inTurn(ctx, all)
	maps.Copy(late, r.latecomers(ctx, all, again))
	for _, s := range all {
		if !r.due(ctx, s, again) {
			continue
		}
		if late[s.ref] {
			last = append(last, s)
			attempts[s.ref] = s.mem.attempts
			continue
		}
		ok, err := r.check(ctx, s)
		if err != nil {
			return err
		}
		if ok {
			ready = append(ready, s)
			attempts[s.ref] = s.mem.attempts
		}
	}
	defer r.beside(ready, attempts)()
	return r.work(ctx, append(ready, last...), attempts, late)
}

// work reconciles the subjects of a queue that nobody has reconciled meanwhile.
func (r *replay) work(ctx context.Context, queue []*subject, attempts map[finding.Ref]int, late map[finding.Ref]bool) error {
	able := func(s *subject) bool { return r.reread(ctx, s) && !s.deleting() && s.mem.attempts == attempts[s.ref] }
	punctual := func(s *subject) bool { return able(s) && !late[s.ref] }
	for len(queue) > 0 {
		if err := r.enforce(ctx); err != nil {
			return err
		}
		if err := r.alive(ctx); err != nil {
			return err
		}
		if team := r.team(ctx, queue, punctual); team != nil {
			if err := r.sideBySide(ctx, team); err != nil {
				return err
			}
			queue = queue[len(team):]
			continue
		}
		s := queue[0]
		queue = queue[1:]
		if !able(s) {
			continue
		}
		if late[s.ref] {
			if ok, err := r.check(ctx, s); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		if err := r.reconcile(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) ownerKinds() []fluxKind { return fluxKinds[len(fluxKinds)-4:] }

func (r *replay) reindex(ctx context.Context) {
	clear(r.index)
	for _, kind := range ownerKindsByLabel {
		for _, u := range r.cluster.list(ctx, kind) {
			r.index[render.RefOf(u)] = u
		}
	}
}

// due reports whether a Kustomization or HelmRelease has a reason to reconcile.
func (r *replay) due(ctx context.Context, s *subject, again eagerness) bool {
	m := s.mem
	if m.phase == phaseWaiting || m.busy {
		return false
	}
	if m.phase == phaseLingering {
		return !r.lingering(ctx, m)
	}
	changed := m.phase == phaseNew || s.changed() || m.resync ||
		r.awoken(ctx, s, r.revisionFor(ctx, s)) && !r.sourceless(ctx, s) || m.watched != r.watchedBy(ctx, s)
	switch {
	case changed:
		return true
	case m.phase == phaseBlocked:
		return m.moment != r.moment()
	case m.phase == phasePaused:
		return again > fresh && m.rulings != r.recorder.rulings()
	case m.phase == phaseFailed && m.unserved > 0 && m.unserved == r.recorder.definitions() && again < vain:
		return false
	case m.phase == phaseFailed || m.phase == phaseUnknown:
		return again > fresh && m.moment != r.moment()
	}
	return false
}

// check does what comes before the work: suspension, source and dependencies.
// It reports whether the work may start.
func (r *replay) check(ctx context.Context, s *subject) (bool, error) {
	if err := r.cluster.hold(ctx, s.live); err != nil {
		return false, err
	}
	m := s.mem
	s.notice()
	m.watched = r.watchedBy(ctx, s)
	if s.suspended() {
		m.phase, m.resync, m.reason, m.on = phaseDone, false, "suspended", nil
		m.revision = r.revisionFor(ctx, s)
		return false, r.observeSuspended(ctx, s)
	}
	m.revision = r.revisionFor(ctx, s)
	if s.ref.Kind == helmReleaseKind.Kind {
		return r.checkRelease(ctx, s)
	}
	return r.checkKustomization(ctx, s)
}

// observeSuspended notes the generation that the controller has seen when it
// passes a suspended object by: helm-controller always, kustomize-controller
// where the object is ready, source-controller where it has said anything of it
// before. The latter then takes it that the object is not stalled.
func (r *replay) observeSuspended(ctx context.Context, s *subject) error {
	st := statusOf(s.live)
	switch {
	case s.ref.Kind == kustomizationKind.Kind && !st.is(conditionReady, "True"),
		s.ref.Group == sourceGroup && len(st.conditions) == 0:
		return nil
	case s.ref.Group == sourceGroup:
		st.drop(conditionStalled)
	}
	if !st.observed() {
		r.clock++ // whoever waits for it may find it ready now
	}
	st.observe()
	return r.cluster.commit(ctx, st)
}

// starts notes that the controller takes a subject on, until the returned
// function is called.
func (r *replay) starts(ctx context.Context, s *subject) func() {
	if !r.step.ranked[s.ref] {
		r.step.ranked[s.ref] = true
		r.step.order = append(r.step.order, s.ref)
	}
	ends := s.begins()
	r.opts.progress("reconcile " + s.ref.String())
	r.recorder.act(s.ref)
	m := s.mem
	m.resync, m.on = false, nil
	s.notice()
	m.watched = r.watchedBy(ctx, s)
	return ends
}

func (r *replay) reconcile(ctx context.Context, s *subject) error {
	defer r.starts(ctx, s)()
	if s.remote() && s.ref.Kind == helmReleaseKind.Kind {
		return r.remoteRelease(ctx, s)
	}
	if s.ref.Kind == helmReleaseKind.Kind {
		return r.reconcileRelease(ctx, s)
	}
	return r.reconcileKustomization(ctx, s)
}

// conclude ends an attempt: the status is written, and whoever waits for the
// subject is woken if its verdict is a new one. Waiting is no verdict.
func (r *replay) conclude(ctx context.Context, s *subject, st *status, p phase) error {
	if err := r.cluster.commit(ctx, st); err != nil {
		return err
	}
	m := s.mem
	applied := st.text("lastAppliedRevision")
	verdict := st.ready()
	verdict.Message += "\x00" + applied
	if m.verdict != verdict && p != phaseWaiting {
		m.verdict = verdict
		r.clock++
	}
	if p != phaseWaiting {
		m.condition, m.tried = st.ready(), r.attemptable(ctx, s)
	}
	m.phase, m.moment, m.rulings = p, r.moment(), r.recorder.rulings()
	return nil
}

// revisionFor is the revision of the artifact that the subject takes.
func (r *replay) revisionFor(ctx context.Context, s *subject) string {
	ref, ok := r.sourceOf(s)
	if !ok {
		return ""
	}
	u := r.cluster.read(ctx, ref)
	if u == nil {
		return ""
	}
	rev, _, _ := unstructured.NestedString(u.Object, "status", "artifact", "revision")
	digest, _, _ := unstructured.NestedString(u.Object, "status", "artifact", "digest")
	if ref.Kind == helmChartKind.Kind {
		return rev + "@" + digest
	}
	return rev
}

// sourceless reports whether the source of the subject is gone. That wakes
// nobody: the controller finds out when it looks the next time.
func (r *replay) sourceless(ctx context.Context, s *subject) bool {
	ref, ok := r.sourceOf(s)
	return ok && r.cluster.read(ctx, ref) == nil
}

// watchedBy tells the versions of the ConfigMaps and Secrets that wake the
// subject when they change.
func (r *replay) watchedBy(ctx context.Context, s *subject) string {
	var out []string
	watch := r.watchFor(s.ref)
	for _, path := range [][]string{{"spec", "postBuild", "substituteFrom"}, {"spec", "valuesFrom"}} {
		list, _, _ := unstructured.NestedSlice(s.live.Object, path...)
		for _, item := range list {
			m, _ := item.(map[string]any)
			u := r.cluster.read(ctx, finding.Ref{Kind: text(m["kind"]), Namespace: s.ref.Namespace, Name: text(m["name"])})
			if u != nil && watch.Selects(u) {
				out = append(out, u.GetResourceVersion())
			}
		}
	}
	out = append(out, r.providersOf(ctx, s)...)
	slices.Sort(out)
	return joined(out)
}

// carried are the notes from before the first step.
func (r *replay) carried() ([]string, map[remark][]string) {
	if r.seeded || r.step == nil {
		return nil, nil
	}
	return r.step.notes, r.step.told
}

// watchFor says which ConfigMaps and Secrets wake a Flux object when they change.
func (r *replay) watchFor(ref finding.Ref) render.Watch {
	watch := r.step.input.Settings.WatchConfigs
	if ref.Kind == helmReleaseKind.Kind {
		watch = r.step.input.Settings.HelmWatchConfigs
	}
	if len(watch.Selectors) == 0 {
		watch.Selectors = []string{"reconcile.fluxcd.io/watch=Enabled"}
	}
	return watch
}
