package helmrelease

import (
	"context"
	"fmt"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"helm.sh/helm/v3/pkg/chartutil"
	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/expression"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// Render implements render.Renderer. A suspended release is rendered, too: its
// Result holds what it would apply if it were resumed.
func (r *Renderer) Render(ctx context.Context, in render.Input) render.Result {
	return expression.Judge(in.Object, r.render(ctx, in))
}

func (r *Renderer) render(ctx context.Context, in render.Input) render.Result {
	p, f := r.Prepare(ctx, in)
	suspended := p.HelmRelease != nil && p.HelmRelease.Spec.Suspend
	if f != nil {
		return conclude(render.Result{}, f, suspended)
	}
	out := render.Result{State: render.Rendered, Release: p.Release(), Revision: p.Revision}
	run := &renderRun{renderer: r, in: in, prepared: p}
	hooks, manifests, err := run.manifests(ctx)
	if err == nil {
		out.CRDs = run.crds
		out.Applies, out.Hooks, err = run.objects(ctx, hooks, manifests)
	}
	out.Problems = run.problems
	if err != nil {
		return conclude(out, run.refused(err), suspended)
	}
	return conclude(out, nil, suspended)
}

// conclude finishes a Result with the failure, if there is one. A suspended
// release does not fail, as the controller does not look at it.
func conclude(out render.Result, f *Failed, suspended bool) render.Result {
	if f != nil {
		out.State, out.Reason, out.Ready = f.State, f.Reason, f.Ready
		out.Problems = append(out.Problems, f.Problem)
	}
	if suspended {
		out.State, out.Ready = render.Suspended, render.Condition{}
	}
	return out
}

// manifests renders the chart into hooks and other documents, in Helm's order.
func (r *renderRun) manifests(ctx context.Context) ([]*helm.Hook, []releaseutil.Manifest, error) {
	var err error
	if r.chart, err = r.prepared.Chart.Load(); err != nil {
		return nil, nil, err
	}
	if r.edit != nil {
		r.edit(r.chart)
	}
	r.beyond = beyondHelm3(r.chart)
	values, _ := copyValues(r.prepared.Values).(map[string]any)
	dependencies := chartutil.ProcessDependenciesWithMerge(r.chart, values)
	if dependencies == nil {
		if err := r.readCRDs(); err != nil {
			return nil, nil, err
		}
	}
	if err := r.checkName(); err != nil {
		return nil, nil, err
	}
	if dependencies != nil {
		return nil, nil, fmt.Errorf("chart dependencies processing failed: %w", dependencies)
	}
	if r.files, err = r.templates(ctx); err != nil {
		return nil, nil, err
	}
	return r.postRendered(r.files, postRenderInput(r.prepared.HelmRelease))
}

// nameError is a name that no release can have.
type nameError struct{ text string }

// Error words it as Helm does.
func (e *nameError) Error() string { return e.text }

// checkName is an error for a release whose name Helm does not take.
func (r *renderRun) checkName() error {
	name := r.prepared.ReleaseName
	err := chartutil.ValidateReleaseName(name)
	switch {
	case err == nil:
		return nil
	case r.in.Upgrade:
		return &nameError{fmt.Sprintf("release name is invalid: %s", name)}
	}
	return &nameError{fmt.Sprintf("release name check failed: release name %q: %s", name, err)}
}

// postRenderInput is what the release asks of the post-renderers.
func postRenderInput(hr *v2.HelmRelease) kustomize.PostRenderInput {
	in := kustomize.PostRenderInput{Name: hr.Name, Namespace: hr.Namespace}
	for _, p := range hr.Spec.PostRenderers {
		if p.Kustomize != nil {
			in.Steps = append(in.Steps, kustomize.PostRenderStep{Patches: p.Kustomize.Patches, Images: p.Kustomize.Images})
		}
	}
	if m := hr.Spec.CommonMetadata; m != nil {
		in.Labels, in.Annotations = m.Labels, m.Annotations
	}
	return in
}

// refused is the failure of an install or upgrade.
func (r *renderRun) refused(err error) *Failed {
	p := r.prepared
	action, reason := "install", "InstallFailed"
	if r.in.Upgrade {
		action, reason = "upgrade", "UpgradeFailed"
	}
	text := fmt.Sprintf("Helm %s failed for release %s/%s with chart %s@%s: %s", action,
		p.ReleaseNamespace, p.HelmRelease.GetReleaseName(), p.ChartName, p.ChartVersion, strings.TrimSpace(err.Error()))
	problems := r.translate(err)
	for _, extra := range problems[1:] {
		r.problems = append(r.problems, located(r.in, extra))
	}
	f := failed(r.in, notReady(reason, text), problems[0])
	if f.Reason == ReasonTemplateTime {
		f.State, f.Ready = render.Unknown, render.Condition{}
	}
	return f
}

// templateProblem is a Problem at a place in a template: the template itself if
// the chart stands in the repository, else the field that names the chart.
func (r *renderRun) templateProblem(reason, message, at string) finding.Problem {
	name, line, col := parseLocation(at)
	p := finding.Problem{Reason: reason, Field: chartField(r.prepared.HelmRelease), Message: message}
	if name == "" {
		return p
	}
	if pos := r.prepared.Chart.position(name, line, col); !pos.IsZero() {
		p.Pos = pos
		return p
	}
	p.Message = fmt.Sprintf("%s (in %s of chart %q)", message, at, r.prepared.ChartName)
	return p
}
