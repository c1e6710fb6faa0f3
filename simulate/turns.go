package simulate

import (
	"cmp"
	"context"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// turn is where an ExternalArtifact stands among those that its generator has
// written at the last opportunity, counted from one.
type turn struct {
	generator finding.Ref
	index     int
}

// inTurn sorts Flux objects as the artifacts of generators wake them, and names
// those that see an object that they depend on at work. source-watcher writes
// one artifact after the other, so whoever takes the second one wakes when those
// that take the first one have begun. Where both take the same artifact, the
// revision tells that the dependency is not up to date.
func (r *replay) inTurn(ctx context.Context, all []*subject) map[finding.Ref]bool {
	turns := map[finding.Ref]turn{}
	for _, s := range all {
		source, ok := r.sourceOf(s)
		if t, written := r.turns[source]; ok && written && s.ref.Kind == kustomizationKind.Kind &&
			s.mem.phase != phaseNew && r.awoken(ctx, s, r.revisionFor(ctx, s)) {
			turns[s.ref] = t
		}
	}
	slices.SortStableFunc(all, func(a, b *subject) int { return cmp.Compare(turns[a.ref].index, turns[b.ref].index) })
	late := map[finding.Ref]bool{}
	for _, s := range all {
		own := turns[s.ref]
		if slices.ContainsFunc(s.dependencies(), func(d dependency) bool {
			first, ok := turns[d.ref]
			return ok && first.generator == own.generator && first.index < own.index
		}) {
			late[s.ref] = true
		}
	}
	return late
}
