package releases

import (
	"context"
	"reflect"

	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// endless is the failure of a release whose templates do not come to an end, nil
// for any other. Renders are bounded; an action of Helm executes templates for
// as long as they take, and cannot be interrupted.
func (r *Releases) endless(ctx context.Context, in simulate.ReleaseInput, p helmrelease.Prepared) *helmrelease.Failed {
	ref := in.Object.Ref()
	r.mu.Lock()
	seen, ok := r.ends[ref]
	r.mu.Unlock()
	if in.Renderer == nil || ok && seen.Chart == p.Chart && seen.ChartVersion == p.ChartVersion && reflect.DeepEqual(seen.Values, p.Values) {
		return nil
	}
	result := in.Renderer.Render(ctx, renderInput(in))
	if result.Reason != helmrelease.ReasonTemplateTime {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ends[ref] = p
		return nil
	}
	failed := &helmrelease.Failed{State: result.State, Reason: result.Reason, Ready: result.Ready}
	if n := len(result.Problems); n > 0 {
		failed.Problem = result.Problems[n-1]
	}
	return failed
}
