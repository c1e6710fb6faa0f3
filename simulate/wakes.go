package simulate

import (
	"context"
	"slices"

	order "github.com/fluxcd/pkg/runtime/dependency"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// arrival is one revision of the artifact of a source.
type arrival struct {
	source   finding.Ref
	revision string
}

// awoken reports whether a new revision of its source makes a Flux object
// reconcile. kustomize-controller sorts the Kustomizations of a source by their
// dependencies before it wakes them, and wakes none of them where these go in a
// circle: each comes round at its own interval.
func (r *replay) awoken(ctx context.Context, s *subject, revision string) bool {
	if s.mem.revision == revision {
		return false
	}
	source, ok := r.sourceOf(s)
	if !ok || s.ref.Kind != kustomizationKind.Kind || s.mem.phase == phaseNew {
		return true
	}
	if revision == "" {
		// A source that goes wakes nobody.
		return r.opts.Emulate.Intervals
	}
	a := arrival{source, revision}
	circle, known := r.circles[a]
	if !known {
		circle = r.circle(ctx, a)
		r.circles[a] = circle
	}
	if circle != "" {
		r.note("a new revision of %s wakes none of its Kustomizations (%s): those that are ready follow at their interval", source, circle)
	}
	return circle == "" || r.opts.Emulate.Intervals
}

// circle says what keeps a new revision from waking anybody, empty for nothing.
func (r *replay) circle(ctx context.Context, a arrival) string {
	var all []order.Dependent
	kind, _ := kindOf(finding.Ref{Group: kustomizationKind.Group, Kind: kustomizationKind.Kind})
	for _, s := range r.subjects(ctx, kind) {
		k, err := kustomizationOf(s.live)
		if source, _ := r.sourceOf(s); err != nil || source != a.source {
			continue
		}
		st := statusOf(s.live)
		current := st.is(conditionReady, "True") || st.is(conditionReconciling, "True")
		if !current || !sameRevision(a.revision, st.text("lastAttemptedRevision")) {
			all = append(all, k)
		}
	}
	if _, err := order.Sort(all); err != nil {
		return err.Error()
	}
	return ""
}

// workers is how many Kustomizations kustomize-controller works on at a time, and
// how many HelmReleases helm-controller, where nobody tells them otherwise.
const workers = 4

// latecomers are the Kustomizations that see the objects that they depend on at
// work. More have woken than the controller has workers, and it takes those last
// that depend on others. An expression is all that they ask; without one they
// wait for the new revision anyhow.
func (r *replay) latecomers(ctx context.Context, all []*subject, again eagerness) map[finding.Ref]bool {
	if r.step.input.Settings.AdditiveCELDependencyCheck || !slices.ContainsFunc(all, asksByExpression) {
		return nil
	}
	woken := map[finding.Ref]bool{}
	for _, s := range all {
		if groupKind(s.ref) == kustomizationKind && r.due(ctx, s, again) {
			woken[s.ref] = true
		}
	}
	if len(woken) <= workers {
		return nil
	}
	out := map[finding.Ref]bool{}
	for _, s := range all {
		if woken[s.ref] && slices.ContainsFunc(s.dependencies(), func(d dependency) bool { return d.expr != "" && woken[d.ref] }) {
			out[s.ref] = true
		}
	}
	return out
}

// asksByExpression reports whether a subject has an expression of its own for
// when a dependency is ready.
func asksByExpression(s *subject) bool {
	return slices.ContainsFunc(s.dependencies(), func(d dependency) bool { return d.expr != "" })
}
