package simulate

import (
	"context"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// showBlocked lists what the Kustomizations and HelmReleases that wait would
// apply and the cluster does not have yet.
func (r *replay) showBlocked(ctx context.Context) {
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if s.mem.phase != phaseBlocked || s.deleting() {
			continue
		}
		s.mem.blocked, s.mem.failures = nil, nil
		result := r.renderAgain(ctx, s)
		if result.State != render.Rendered {
			continue
		}
		r.keepRendered(s, result)
		if groupKind(s.ref) == helmReleaseKind {
			s.mem.blocked = r.unreleased(ctx, s, result)
			continue
		}
		s.mem.blocked = r.unlike(ctx, s, result)
	}
}

// unreleased are the objects of a release that the cluster does not have as
// they are rendered.
func (r *replay) unreleased(ctx context.Context, s *subject, result render.Result) []finding.Ref {
	cl, objects, err := r.prepared(ctx, s.ref, applied(result))
	if err != nil {
		return nil
	}
	var out []finding.Ref
	for _, u := range objects {
		if c := r.rehearsed(ctx, waiting{owner: s.ref, cl: cl}, u); c.Action != diff.Unchanged {
			out = append(out, c.Object)
		}
	}
	return out
}

// applied are the objects of a render that stay in the cluster.
func applied(result render.Result) []*render.Object {
	var out []*render.Object
	for _, o := range result.Applies {
		if !o.Origin.Hook {
			out = append(out, o)
		}
	}
	return out
}

// unlike are the objects of a render that the cluster does not have as they
// are rendered.
func (r *replay) unlike(ctx context.Context, s *subject, result render.Result) []finding.Ref {
	var all, out []finding.Ref
	for _, o := range result.Applies {
		all = append(all, o.Ref())
	}
	k, err := kustomizationOf(s.live)
	if err != nil {
		return all
	}
	m, err := r.applier(ctx, k)
	if err != nil {
		return all
	}
	objects, err := r.prepare(m, &attempt{subject: s, k: k, result: result})
	if err != nil {
		return all
	}
	for _, u := range objects {
		if same, _ := r.tryApply(ctx, s, m, u); !same {
			out = append(out, render.RefOf(u))
		}
	}
	return out
}
