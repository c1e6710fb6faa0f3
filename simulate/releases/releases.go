// Package releases replays HelmReleases: it joins what prepares a release
// (charts, values) with what carries it out on a server (Helm's own actions).
package releases

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"text/template"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/release"
)

// attempts bounds how often a release is reconciled again at once, as it is
// after a remediation.
const attempts = 20

// Releases does what helm-controller does with releases. It remembers the
// charts that source-controller has stored, so one Releases serves one replay.
type Releases struct {
	mu     sync.Mutex
	charts map[finding.Ref]*stored
	shown  map[finding.Ref]bool                 // what is in the release was told of once
	ends   map[finding.Ref]helmrelease.Prepared // whose templates were seen to come to an end
}

// New returns Releases without charts.
func New() *Releases {
	return &Releases{charts: map[finding.Ref]*stored{}, shown: map[finding.Ref]bool{}, ends: map[finding.Ref]helmrelease.Prepared{}}
}

var _ simulate.Releases = (*Releases)(nil)

// preparer is a renderer of HelmReleases that also prepares them for Helm.
type preparer interface {
	Prepare(ctx context.Context, in render.Input) (helmrelease.Prepared, *helmrelease.Failed)
	PrepareStored(ctx context.Context, in render.Input, stored *helmrelease.Chart) (helmrelease.Prepared, *helmrelease.Failed)
}

// steady is a renderer whose templates yield the same in every run.
type steady interface {
	Functions(helmrelease.Prepared) template.FuncMap
}

// checker is a renderer that holds values against schemas without fetching anything.
type checker interface {
	CheckValues(schema []byte, values map[string]any) error
}

func (r *Releases) prepare(ctx context.Context, in simulate.ReleaseInput, o *render.Object) (helmrelease.Prepared, *helmrelease.Failed) {
	return preparerOf(in).Prepare(ctx, inputOf(in, o))
}

// prepareRelease prepares a HelmRelease with the chart that is stored for it.
func (r *Releases) prepareRelease(ctx context.Context, in simulate.ReleaseInput) (helmrelease.Prepared, *helmrelease.Failed) {
	prepared, failed := r.prepare(ctx, in, in.Object)
	stored := r.packed(chartRef(in.Object))
	if stored == nil {
		return prepared, failed
	}
	if failed != nil && failed.State == render.Failed && failed.Ready.Reason == "SourceNotReady" {
		prepared, failed = preparerOf(in).PrepareStored(ctx, inputOf(in, in.Object), stored.chart)
	}
	prepared.Chart, prepared.ChartVersion = stored.chart, stored.version
	return prepared, failed
}

func inputOf(in simulate.ReleaseInput, o *render.Object) render.Input {
	return render.Input{Object: o, Settings: in.Settings, Cluster: in.Cluster, Sources: in.Sources, Revision: 1}
}

func preparerOf(in simulate.ReleaseInput) preparer {
	if p, ok := render.Innermost(in.Renderer).(preparer); ok {
		return p
	}
	return helmrelease.New(helmrelease.Options{})
}

// Reconcile implements simulate.Releases.
func (r *Releases) Reconcile(ctx context.Context, in simulate.ReleaseInput) (simulate.ReleaseResult, error) {
	prepared, failed := r.prepareRelease(ctx, in)
	if failed != nil {
		return notPrepared(in, failed), nil
	}
	if failed = r.endless(ctx, in, prepared); failed != nil {
		return notPrepared(in, failed), nil
	}
	waited := &waiting{}
	req := request(in, waited)
	req.Prepared = prepared
	if renderer, ok := render.Innermost(in.Renderer).(steady); ok {
		req.Functions = func() template.FuncMap { return renderer.Functions(prepared) }
	}
	if renderer, ok := render.Innermost(in.Renderer).(checker); ok {
		req.Check = renderer.CheckValues
	}
	var events []release.Event
	var result release.Result
	var before []release.Event
	for range attempts {
		var err error
		if result, err = release.Reconcile(ctx, req); err != nil {
			return simulate.ReleaseResult{}, err
		}
		events = append(events, result.Events...)
		status, err := result.StatusMap()
		if err != nil {
			return simulate.ReleaseResult{}, err
		}
		held, _, _ := unstructured.NestedMap(req.Object.Object, "status")
		req.Object = req.Object.DeepCopy()
		req.Object.Object["status"] = status
		told := retold(result.Events)
		if result.Next != release.AtOnce || result.Endless && slices.Equal(told, before) || same(held, status) {
			break // it would go on like this for ever
		}
		before = told
	}
	result.Events = events
	out, err := resultOf(result)
	if out.State == render.Failed {
		out.Problem = waited.problem
	}
	if first := r.showsFirst(in.Object.Ref()); out.State != render.Rendered || len(events) > 0 || first || result.Status.History.Latest() == nil {
		out.Objects = r.rendered(ctx, in)
	}
	return out, err
}

// packed is the chart that is stored for a HelmChart, nil when there is none.
func (r *Releases) packed(chart finding.Ref) *stored {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.charts[chart]
}

// showsFirst reports whether nobody was told yet what is in a release.
func (r *Releases) showsFirst(release finding.Ref) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.shown[release]
	r.shown[release] = true
	return first
}

// revision is the number in the name of a stored release.
var revision = regexp.MustCompile(`\.v[0-9]+\b`)

// retold are events as they read whenever the same happens again.
func retold(events []release.Event) []release.Event {
	out := slices.Clone(events)
	for i, e := range out {
		out[i].Message = revision.ReplaceAllString(e.Message, ".v")
	}
	return out
}

// same reports whether a reconciliation leads nowhere: the next one finds what
// this one found.
func same(before, after map[string]any) bool {
	return apiequality.Semantic.DeepEqual(before["history"], after["history"]) && apiequality.Semantic.DeepEqual(before["failures"], after["failures"]) &&
		before["storageNamespace"] == after["storageNamespace"]
}

// Uninstall implements simulate.Releases.
func (r *Releases) Uninstall(ctx context.Context, in simulate.ReleaseInput) (simulate.ReleaseResult, error) {
	r.mu.Lock()
	delete(r.charts, chartRef(in.Object))
	r.mu.Unlock()
	result, err := release.Uninstall(ctx, request(in, &waiting{}))
	if err != nil {
		return simulate.ReleaseResult{}, err
	}
	return resultOf(result)
}

func request(in simulate.ReleaseInput, w *waiting) release.Request {
	return release.Request{
		Config: in.Config, Object: in.Object.Unstructured, Settings: in.Settings, Health: healthOf(in, w),
		Kinds: release.Kinds{Discovery: in.Discovery, Mapper: in.Mapper},
	}
}

// Rendered implements simulate.Releases.
func (r *Releases) Rendered(ctx context.Context, in simulate.ReleaseInput) render.Result {
	if in.Renderer == nil {
		return render.Result{State: render.Unknown}
	}
	return in.Renderer.Render(ctx, renderInput(in))
}

// rendered is what the chart renders, for the places of its objects; nil when it
// cannot be rendered.
func (r *Releases) rendered(ctx context.Context, in simulate.ReleaseInput) []*render.Object {
	result := r.Rendered(ctx, in)
	if result.State != render.Rendered {
		return nil
	}
	out := []*render.Object{}
	for _, list := range [][]*render.Object{result.CRDs, result.Applies, result.Hooks} {
		out = append(out, list...)
	}
	return out
}

// renderInput is what the next revision of the release is rendered from.
func renderInput(in simulate.ReleaseInput) render.Input {
	out := inputOf(in, in.Object)
	history, _, _ := unstructured.NestedSlice(in.Object.Object, "status", "history")
	if len(history) > 0 {
		latest, _ := history[0].(map[string]any)
		version, _ := latest["version"].(int64)
		out.Upgrade, out.Revision = true, int(version)+1
	}
	return out
}

// codes are the stable codes for the reasons of a release that is not ready.
var codes = map[string]string{
	"InstallFailed": "install-failed", "UpgradeFailed": "upgrade-failed", "TestFailed": "test-failed",
	"RollbackSucceeded": "rolled-back", "RollbackFailed": "rollback-failed",
	"UninstallSucceeded": "uninstalled", "UninstallFailed": "uninstall-failed",
	"StateError": "state-error", "ArtifactFailed": "chart-package",
}

// resultOf is the result of an action as the replay takes it.
func resultOf(result release.Result) (simulate.ReleaseResult, error) {
	status, err := result.StatusMap()
	if err != nil {
		return simulate.ReleaseResult{}, fmt.Errorf("write the status of a release: %w", err)
	}
	delete(status, "conditions")
	out := simulate.ReleaseResult{State: render.Rendered, Ready: result.Ready(), Status: status, Again: result.Next == release.Anew}
	for _, c := range result.Conditions() {
		out.Others = append(out.Others, simulate.NamedCondition{Type: c.Type, Condition: c.Condition})
	}
	for _, e := range result.Events {
		out.Events = append(out.Events, simulate.Event{Type: e.Type, Reason: e.Reason, Message: e.Message})
	}
	if out.Ready.Status != "True" {
		out.State, out.Reason = render.Failed, "release-failed"
		if code, ok := codes[out.Ready.Reason]; ok {
			out.Reason = code
		}
	}
	return out, nil
}

// notPrepared is the result for a release that does not get as far as Helm. The
// rest of its status stays.
func notPrepared(in simulate.ReleaseInput, f *helmrelease.Failed) simulate.ReleaseResult {
	status, _, _ := unstructured.NestedMap(in.Object.Object, "status")
	delete(status, "conditions")
	out := simulate.ReleaseResult{State: f.State, Reason: f.Reason, Ready: f.Ready, Status: status}
	switch {
	case f.State == render.Unknown:
		out.Ready = render.Condition{Status: "Unknown", Reason: "Unknown", Message: f.Problem.Message}
	case f.Stalled:
		out.Others = []simulate.NamedCondition{{Type: "Stalled", Condition: render.Condition{Status: "True", Reason: f.Ready.Reason, Message: f.Ready.Message}}}
	}
	if f.State != render.Unknown && f.Ready.Reason != "" {
		out.Events = []simulate.Event{{Type: "Warning", Reason: f.Ready.Reason, Message: f.Ready.Message}}
	}
	return out
}
