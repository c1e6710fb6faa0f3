package release

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
)

func typed(r release.Releaser) (*helm.Release, error) {
	if rel, ok := r.(*helm.Release); ok {
		return rel, nil
	}
	return nil, errNotHelm4
}

func succeeded(what string, s *v2.Snapshot) string {
	return fmt.Sprintf("Helm %s succeeded for release %s with chart %s", what, s.FullReleaseName(), s.VersionedChartName())
}

// attempt is what installs and upgrades have in common.
type attempt struct {
	action            v2.ReleaseAction
	good, bad         string // reasons
	failures          v2.Remediation
	retry             bool // instead of remediating
	run               func(context.Context, *action.Configuration) error
	forgetsTheHistory bool
}

// perform runs an install or upgrade and notes what came of it. An error means
// that nothing was written to the storage.
func (a attempt) perform(ctx context.Context, r *run) error {
	defer r.summarize()
	r.hr.Status.LastAttemptedReleaseAction = a.action
	if a.forgetsTheHistory {
		r.hr.Status.ClearHistory()
	}
	r.unmark(v2.TestSuccessCondition)
	r.unmark(v2.RemediatedCondition)
	seen := sightings{}
	var stored *helm.Release
	c, err := r.configuration(ctx, func(rel *helm.Release) {
		artifact := known(&r.hr.Status, rel)
		if artifact == "" {
			artifact = r.hr.Status.LastAttemptedRevisionDigest
		}
		seen[rel.Version] = snapshot(rel, artifact, a.action)
		stored = rel
	})
	if err == nil {
		err = a.run(ctx, c)
	}
	r.takeInventory(stored)
	seen.record(&r.hr.Status)
	if err == nil {
		a.succeed(r)
		return nil
	}
	text := fmt.Sprintf("Helm %s failed for release %s: %s", a.action, r.describe(), worded(err))
	r.hr.Status.Failures++
	r.markFalse(v2.ReleasedCondition, a.bad, text)
	r.tellWarning(a.bad, text)
	if len(seen) == 0 {
		return err
	}
	a.failures.IncrementFailureCount(r.hr)
	return nil
}

func (a attempt) succeed(r *run) {
	latest := r.hr.Status.History.Latest()
	text := succeeded(string(a.action), latest)
	r.markTrue(v2.ReleasedCondition, a.good, text)
	if r.hr.GetTest().Enable && !latest.HasBeenTested() {
		r.markUnknown(v2.TestSuccessCondition, "AwaitingTests",
			fmt.Sprintf("Helm release %s with chart %s is awaiting tests", latest.FullReleaseName(), latest.VersionedChartName()))
	}
	if a.retry {
		r.hr.Status.ClearFailures()
	}
	r.tellNormal(a.good, text)
}

func (r *run) install(ctx context.Context) error {
	spec := r.hr.GetInstall()
	return attempt{
		action: v2.ReleaseActionInstall, good: v2.InstallSucceededReason, bad: v2.InstallFailedReason,
		failures: spec.GetRemediation(), retry: spec.GetRetry(r.req.Settings.DefaultToRetryOnFailure) != nil,
		run: r.helmInstall, forgetsTheHistory: true,
	}.perform(ctx, r)
}

func (r *run) upgrade(ctx context.Context) error {
	spec := r.hr.GetUpgrade()
	return attempt{
		action: v2.ReleaseActionUpgrade, good: v2.UpgradeSucceededReason, bad: v2.UpgradeFailedReason,
		failures: spec.GetRemediation(), retry: spec.GetRetry(r.req.Settings.DefaultToRetryOnFailure) != nil,
		run: r.helmUpgrade,
	}.perform(ctx, r)
}

// strategy says how an action waits. With disableWait hooks are waited for all
// the same.
func (r *run) strategy(spec interface{ GetDisableWait() bool }) kube.WaitStrategy {
	name := r.hr.GetWaitStrategy()
	switch {
	case spec.GetDisableWait():
		return kube.HookOnlyStrategy
	case name == v2.WaitStrategyLegacy, name == "" && r.req.Settings.UseHelm3Defaults:
		return kube.LegacyStrategy
	}
	return kube.StatusWatcherStrategy
}

func (r *run) helmInstall(ctx context.Context, c *action.Configuration) error {
	spec := r.hr.GetInstall()
	in := action.NewInstall(c)
	in.ServerSideApply = r.req.Settings.ServerSideReleases()
	if spec.ServerSideApply != nil {
		in.ServerSideApply = *spec.ServerSideApply
	}
	in.ForceConflicts = in.ServerSideApply
	in.ReleaseName = r.name()
	in.Namespace = r.hr.GetReleaseNamespace()
	in.Timeout = spec.GetTimeout(r.hr.GetTimeout()).Duration
	in.TakeOwnership = !spec.DisableTakeOwnership
	in.WaitStrategy = r.strategy(spec)
	in.WaitForJobs = !spec.DisableWaitForJobs
	in.DisableHooks = spec.DisableHooks
	in.DisableOpenAPIValidation = spec.DisableOpenAPIValidation
	in.Replace = spec.Replace
	in.CreateNamespace = spec.CreateNamespace && r.hr.Spec.TargetNamespace != ""
	in.Devel = true
	in.SkipCRDs = true
	in.PostRenderer = postRenderer{r.hr}
	in.PostRenderStrategy = r.postRenderStrategy()
	chart, err := r.chart()
	if err != nil {
		return err
	}
	crds := definitions{config: c, policy: spec.CRDs, serverSide: in.ServerSideApply, chart: chart, values: r.values()}
	if err := r.applyCRDs(ctx, crds); err != nil {
		return fmt.Errorf("failed to apply CustomResourceDefinitions: %w", err)
	}
	ready, err := r.judge(chart, nil)
	if err != nil {
		return err
	}
	in.SkipSchemaValidation = spec.DisableSchemaValidation || ready.skip
	_, err = in.RunWithContext(ctx, chart, r.values())
	return ready.told(err)
}

func (r *run) helmUpgrade(ctx context.Context, c *action.Configuration) error {
	spec := r.hr.GetUpgrade()
	up := action.NewUpgrade(c)
	serverSide, err := r.serverSide(c, spec.ServerSideApply)
	if err != nil {
		return err
	}
	up.ServerSideApply = strconv.FormatBool(serverSide)
	up.ForceConflicts = serverSide
	up.ForceReplace = spec.Force && !serverSide
	up.Namespace = r.hr.GetReleaseNamespace()
	up.ResetValues = !spec.PreserveValues
	up.ReuseValues = spec.PreserveValues
	up.MaxHistory = r.hr.GetMaxHistory()
	up.Timeout = spec.GetTimeout(r.hr.GetTimeout()).Duration
	up.TakeOwnership = !spec.DisableTakeOwnership
	up.WaitStrategy = r.strategy(spec)
	up.WaitForJobs = !spec.DisableWaitForJobs
	up.DisableHooks = spec.DisableHooks
	up.DisableOpenAPIValidation = spec.DisableOpenAPIValidation
	up.CleanupOnFail = spec.CleanupOnFail
	up.Devel = true
	up.PostRenderer = postRenderer{r.hr}
	up.PostRenderStrategy = r.postRenderStrategy()
	chart, err := r.chart()
	if err != nil {
		return err
	}
	crds := definitions{config: c, policy: spec.CRDs, serverSide: serverSide, chart: chart, values: r.values()}
	if err := r.applyCRDs(ctx, crds); err != nil {
		return fmt.Errorf("failed to apply CustomResourceDefinitions: %w", err)
	}
	var kept *helm.Release
	if spec.PreserveValues {
		kept = r.kept(c)
	}
	ready, err := r.judge(chart, kept)
	if err != nil {
		return err
	}
	up.SkipSchemaValidation = spec.DisableSchemaValidation || ready.skip
	values := r.values()
	_, err = up.RunWithContext(ctx, r.name(), chart, values)
	if spec.PreserveValues {
		// Helm merges the old values into these, and what is desired for the rest
		// of this reconciliation is the outcome. The next one starts afresh.
		r.req.Prepared.Values = values
	}
	return ready.told(err)
}

// serverSide says how an upgrade applies: as the spec says, else as the last
// release did.
func (r *run) serverSide(c *action.Configuration, mode v2.ServerSideApplyMode) (bool, error) {
	switch mode {
	case v2.ServerSideApplyEnabled:
		return true, nil
	case v2.ServerSideApplyDisabled:
		return false, nil
	}
	rel, err := last(c, r.name())
	if err != nil {
		return false, err
	}
	if rel == nil {
		return false, driver.NewErrNoDeployedReleases(r.name())
	}
	return rel.ApplyMethod == string(helm.ApplyMethodServerSideApply), nil
}

// test runs the tests of the chart. An error means that none was run.
func (r *run) test(ctx context.Context) error {
	defer r.summarize()
	if r.hr.Status.History.Latest() == nil {
		return fmt.Errorf("%w: required for test", errNoLatest)
	}
	err := r.helmTest(ctx)
	latest := r.hr.Status.History.Latest()
	what := fmt.Sprintf("release %s with chart %s", latest.FullReleaseName(), latest.VersionedChartName())
	if err == nil {
		text := fmt.Sprintf("Helm test succeeded for %s: %s", what, testCount(len(latest.GetTestHooks())))
		r.markTrue(v2.TestSuccessCondition, v2.TestSucceededReason, text)
		r.tellNormal(v2.TestSucceededReason, text)
		return nil
	}
	text := fmt.Sprintf("Helm test failed for %s: %s", what, strings.TrimSpace(err.Error()))
	r.hr.Status.Failures++
	r.markFalse(v2.TestSuccessCondition, v2.TestFailedReason, text)
	r.tellWarning(v2.TestFailedReason, text)
	if !latest.HasBeenTested() {
		return err
	}
	if remediation := r.hr.GetActiveRemediation(); remediation != nil && !r.ignoresTests() {
		remediation.IncrementFailureCount(r.hr)
	}
	return nil
}

func testCount(n int) string {
	switch n {
	case 0:
		return "no test hooks"
	case 1:
		return "1 test hook completed successfully"
	}
	return fmt.Sprintf("%d test hooks completed successfully", n)
}
