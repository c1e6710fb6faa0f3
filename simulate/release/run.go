package release

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/opencontainers/go-digest"
	"helm.sh/helm/v4/pkg/action"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	corev1 "k8s.io/api/core/v1"

	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
)

// run is one reconciliation at work.
type run struct {
	req     Request
	hr      *v2.HelmRelease
	cluster *cluster
	events  []Event
	packed  []byte // the chart, once it was needed
}

func newRun(req Request) (*run, error) {
	hr, err := decode(req.Object)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(req, hr.GetReleaseNamespace())
	if err != nil {
		return nil, err
	}
	return &run{req: req, hr: hr, cluster: c}, nil
}

func (r *run) result(next Next) Result {
	return Result{Status: r.hr.Status, Events: r.events, Next: next}
}

func (r *run) name() string { return helmrelease.ReleaseName(r.hr) }

func (r *run) tell(kind, reason, message string) {
	r.events = append(r.events, Event{Type: kind, Reason: reason, Message: message})
}

func (r *run) tellNormal(reason, message string) { r.tell(corev1.EventTypeNormal, reason, message) }

func (r *run) tellWarning(reason, message string) { r.tell(corev1.EventTypeWarning, reason, message) }

// retries reports whether the last action is retried instead of remediated.
func (r *run) retries() bool {
	return r.hr.GetActiveRetry(r.req.Settings.DefaultToRetryOnFailure) != nil
}

// values are a copy: Helm changes the values that it is given.
func (r *run) values() map[string]any {
	values, _ := copyOf(r.req.Prepared.Values).(map[string]any)
	return values
}

func copyOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copyOf(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copyOf(e)
		}
		return out
	}
	return v
}

// configuration connects one action with the cluster. What the action writes
// to the storage is shown to see.
func (r *run) configuration(ctx context.Context, see func(*helm.Release)) (*action.Configuration, error) {
	secrets, err := r.cluster.storage(r.hr.Status.StorageNamespace)
	if err != nil {
		return nil, err
	}
	quiet := slog.DiscardHandler
	c := action.NewConfiguration(action.ConfigurationSetLogger(quiet))
	c.RESTClientGetter = r.cluster
	c.Releases = storage.Init(&watchedStorage{Driver: secrets, see: see})
	c.Releases.SetLogger(quiet)
	c.KubeClient = newKubeClient(ctx, r.cluster, r.req.Health)
	c.HookOutputFunc = discardOutput
	if r.req.Functions != nil {
		c.CustomTemplateFuncs = r.req.Functions()
	}
	return c, nil
}

func (r *run) reconcile(ctx context.Context) Next {
	hr := r.hr
	r.unmark(meta.StalledCondition)
	chart, err := r.chart()
	if err != nil {
		r.markFalse(meta.ReadyCondition, v2.ArtifactFailedReason, fmt.Sprintf("Could not load chart: %s", err))
		return Later
	}
	if r.targetChanged(chart.Name()) {
		if err := r.uninstall(ctx); err != nil && !errors.Is(err, errNoLatest) {
			return Later
		}
		hr.Status.ClearHistory()
		hr.Status.ClearFailures()
		hr.Status.StorageNamespace = ""
		return Anew
	}
	hr.Status.StorageNamespace = hr.GetStorageNamespace()
	if r.attemptChanged(chart.Metadata.Version) {
		hr.Status.ClearFailures()
	}
	hr.Status.LastAttemptedGeneration = hr.Generation
	hr.Status.LastAttemptedRevision = chart.Metadata.Version
	hr.Status.LastAttemptedRevisionDigest = r.artifactDigest()
	hr.Status.LastAttemptedConfigDigest = chartutil.DigestValues(digest.Canonical, r.req.Prepared.Values).String()
	//lint:ignore SA1019 the controller empties the field, too
	hr.Status.LastAttemptedValuesChecksum = ""
	//lint:ignore SA1019 the controller empties the field, too
	hr.Status.LastReleaseRevision = 0
	return r.converge(ctx)
}

// targetChanged reports whether the HelmRelease means another release than
// before, so that the old one has to go first.
func (r *run) targetChanged(chart string) bool {
	latest := r.hr.Status.History.Latest()
	switch {
	case r.hr.Status.StorageNamespace == "" || latest == nil:
		return false
	case r.hr.GetStorageNamespace() != r.hr.Status.StorageNamespace,
		r.hr.GetReleaseNamespace() != latest.Namespace,
		r.name() != latest.Name:
		return true
	}
	return chart != latest.ChartName && r.hr.GetUpgrade().GetChartNameChangeStrategy() == v2.ChartNameChangeStrategyReinstall
}

// attemptChanged reports whether failures of the last attempt no longer count.
func (r *run) attemptChanged(version string) bool {
	status := &r.hr.Status
	asked := v2.ShouldHandleResetRequest(r.hr)
	switch {
	case status.LastAttemptedGeneration != r.hr.Generation, status.GetLastAttemptedRevision() != version:
		return true
	case status.LastAttemptedConfigDigest != "" && !chartutil.VerifyValues(digest.Digest(status.LastAttemptedConfigDigest), r.req.Prepared.Values):
		return true
	}
	return asked
}

// artifactDigest is the digest of a chart that comes as an artifact of its own.
func (r *run) artifactDigest() string {
	if ref := r.hr.Spec.ChartRef; ref == nil || ref.Kind == "HelmChart" {
		return ""
	}
	_, sum, _ := strings.Cut(r.req.Prepared.Revision, "@")
	return sum
}

// converge runs actions until the release is as desired, an action would be
// repeated, or a remediation has run.
func (r *run) converge(ctx context.Context) Next {
	done := map[kind]bool{}
	for ctx.Err() == nil {
		now, err := r.state(ctx)
		if err != nil {
			r.markFalse(meta.ReadyCondition, "StateError", fmt.Sprintf("Could not determine release state: %s", err))
			return Later
		}
		next, err := r.choose(now)
		switch {
		case errors.Is(err, errOutOfRetries):
			r.stallOutOfRetries()
			return Never
		case errors.Is(err, errNoRollbackTarget):
			r.stall("MissingRollbackTarget", fmt.Sprintf("Failed to perform remediation: %s", err))
			return Never
		case err != nil:
			return Later
		case next == nil:
			r.summarize()
			return AtInterval
		case done[next.kind]:
			return r.afterRepeat()
		}
		done[next.kind] = true
		if err := r.perform(ctx, next); err != nil {
			return Later
		}
		if next.kind == remediates {
			return r.afterRemediation()
		}
	}
	return Later
}

func (r *run) perform(ctx context.Context, next *step) error {
	r.unmark(meta.StalledCondition)
	if next.kind == releases {
		r.markUnknown(meta.ReadyCondition, meta.ProgressingReason, fmt.Sprintf("Running '%s' action", next.name))
	}
	err := next.run(ctx)
	if err != nil && !r.retries() && r.isTrue(meta.ReadyCondition) {
		r.markFalse(meta.ReadyCondition, "ReconcileError", err.Error())
	}
	return err
}

// afterRepeat says how it goes on when the state asks for a kind of action
// that has run already.
func (r *run) afterRepeat() Next {
	if r.retries() {
		return Later
	}
	if remediation := r.hr.GetActiveRemediation(); remediation == nil || !remediation.RetriesExhausted(r.hr) {
		return AtOnce
	}
	return AtInterval
}

func (r *run) afterRemediation() Next {
	if r.retries() {
		return Later
	}
	remediation := r.hr.GetActiveRemediation()
	if remediation == nil || !remediation.RetriesExhausted(r.hr) || remediation.IsUninstallAfterUpgrade() {
		return AtOnce
	}
	r.stallOutOfRetries()
	return Never
}

// describe names the release and the chart that an attempt is about.
func (r *run) describe() string {
	p := r.req.Prepared
	return fmt.Sprintf("%s/%s with chart %s@%s", r.hr.GetReleaseNamespace(), r.hr.GetReleaseName(), p.ChartName, p.ChartVersion)
}
