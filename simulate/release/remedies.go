package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/release/common"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (r *run) helmTest(ctx context.Context) error {
	c, err := r.configuration(ctx, r.noteTests)
	if err != nil {
		return err
	}
	test := action.NewReleaseTesting(c)
	test.Namespace = r.hr.GetReleaseNamespace()
	test.Timeout = r.hr.GetTest().GetTimeout(r.hr.GetTimeout()).Duration
	test.Filters = map[string][]string{}
	for _, f := range r.hr.GetTest().GetFilters() {
		key := action.IncludeNameFilter
		if f.Exclude {
			key = action.ExcludeNameFilter
		}
		test.Filters[key] = append(test.Filters[key], f.Name)
	}
	found, shutdown, err := test.Run(r.name())
	if shutdown != nil {
		// What fails here concerns the removal of finished tests, not their verdict.
		defer func() { _ = shutdown() }()
	}
	if err != nil {
		return err
	}
	rel, err := typed(found)
	if err != nil {
		return err
	}
	if latest := r.hr.Status.History.Latest(); !latest.Targets(rel.Name, rel.Namespace, rel.Version) {
		return fmt.Errorf("release mismatch: tested release %s/%s.v%d != current release %s", rel.Namespace, rel.Name, rel.Version, latest.FullReleaseName())
	}
	return nil
}

// noteTests keeps the results of tests in the history, also of those that a
// filter leaves out: they count as tests of the release all the same.
func (r *run) noteTests(rel *helm.Release) {
	latest := r.hr.Status.History.Latest()
	if !latest.Targets(rel.Name, rel.Namespace, rel.Version) {
		return
	}
	tested := snapshot(rel, latest.OCIDigest, latest.Action)
	hooks := map[string]*v2.TestHookStatus{}
	for _, h := range rel.Hooks {
		if slices.Contains(h.Events, helm.HookTest) {
			hooks[h.Name] = &v2.TestHookStatus{
				LastStarted: metav1.NewTime(h.LastRun.StartedAt), LastCompleted: metav1.NewTime(h.LastRun.CompletedAt),
				Phase: h.LastRun.Phase.String(),
			}
		}
	}
	tested.SetTestHooks(hooks)
	r.hr.Status.History[0] = tested
}

// noteWrites refreshes the history with what an action writes to the storage.
func (r *run) noteWrites(by v2.ReleaseAction) func(*helm.Release) {
	return func(rel *helm.Release) { refresh(&r.hr.Status, snapshot(rel, known(&r.hr.Status, rel), by)) }
}

// rollback returns to the release before the failed one. An error means that
// nothing was written to the storage.
func (r *run) rollback(ctx context.Context) error {
	defer r.summarize()
	latest := r.hr.Status.History.Latest().DeepCopy()
	target := r.hr.Status.History.Previous(r.ignoresTests())
	if target == nil {
		return fmt.Errorf("%w: required to rollback", errNoRollbackTarget)
	}
	err := r.helmRollback(ctx, target)
	what := fmt.Sprintf("Helm rollback to previous release %s with chart %s", target.FullReleaseName(), target.VersionedChartName())
	if err == nil {
		r.markTrue(v2.RemediatedCondition, v2.RollbackSucceededReason, fmt.Sprintf("%s succeeded", what))
		r.tellNormal(v2.RollbackSucceededReason, what+" succeeded")
		return nil
	}
	text := fmt.Sprintf("%s failed: %s", what, strings.TrimSpace(err.Error()))
	r.hr.Status.Failures++
	r.markFalse(v2.RemediatedCondition, v2.RollbackFailedReason, text)
	r.tellWarning(v2.RollbackFailedReason, text)
	if r.hr.Status.History.Latest().Digest == latest.Digest {
		return err
	}
	return nil
}

func (r *run) helmRollback(ctx context.Context, target *v2.Snapshot) error {
	spec := r.hr.GetRollback()
	var stored *helm.Release
	defer func() { r.takeInventory(stored) }()
	c, err := r.configuration(ctx, func(rel *helm.Release) {
		seen := snapshot(rel, known(&r.hr.Status, rel), v2.ReleaseActionRollback)
		if !refresh(&r.hr.Status, seen) {
			seen.Action = ""
			r.hr.Status.History = append(v2.Snapshots{seen}, r.hr.Status.History...)
		}
		stored = rel
	})
	if err != nil {
		return err
	}
	found, err := c.Releases.Get(target.Name, target.Version)
	if err != nil {
		return err
	}
	rel, err := typed(found)
	if err != nil {
		return err
	}
	serverSide := rel.ApplyMethod == string(helm.ApplyMethodServerSideApply)
	switch spec.ServerSideApply {
	case v2.ServerSideApplyEnabled:
		serverSide = true
	case v2.ServerSideApplyDisabled:
		serverSide = false
	}
	back := action.NewRollback(c)
	back.ServerSideApply = strconv.FormatBool(serverSide)
	back.ForceConflicts = serverSide
	back.ForceReplace = spec.Force && !serverSide
	back.Version = target.Version
	back.Timeout = spec.GetTimeout(r.hr.GetTimeout()).Duration
	back.WaitStrategy = r.strategy(spec)
	back.WaitForJobs = !spec.DisableWaitForJobs
	back.DisableHooks = spec.DisableHooks
	back.CleanupOnFail = spec.CleanupOnFail
	back.MaxHistory = r.hr.GetMaxHistory()
	return back.Run(target.Name)
}

var errStorageUntouched = errors.New("uninstall completed with error: release not updated in Helm storage")

func (r *run) helmUninstall(ctx context.Context, name string, by v2.ReleaseAction) error {
	spec := r.hr.GetUninstall()
	c, err := r.configuration(ctx, r.noteWrites(by))
	if err != nil {
		return err
	}
	un := action.NewUninstall(c)
	un.Timeout = spec.GetTimeout(r.hr.GetTimeout()).Duration
	un.DisableHooks = spec.DisableHooks
	un.KeepHistory = spec.KeepHistory
	un.WaitStrategy = r.strategy(spec)
	un.DeletionPropagation = spec.GetDeletionPropagation()
	before := r.hr.Status.History.Latest().DeepCopy()
	done, err := un.Run(name)
	if done != nil {
		rel, typeErr := typed(done.Release)
		if typeErr != nil {
			return typeErr
		}
		if !before.Targets(rel.Name, rel.Namespace, rel.Version) {
			err = fmt.Errorf("release mismatch: uninstalled release %s/%s.v%d != current release %s", rel.Namespace, rel.Name, rel.Version, before.FullReleaseName())
		}
	}
	if err == nil && before.Digest == r.hr.Status.History.Latest().Digest && before.Status != common.StatusUninstalled.String() {
		return errStorageUntouched
	}
	return err
}

// uninstallRemediation removes a release whose install or upgrade has failed.
func (r *run) uninstallRemediation(ctx context.Context) error {
	before := r.hr.Status.History.Latest().DeepCopy()
	if before == nil {
		return fmt.Errorf("%w: required to uninstall", errNoLatest)
	}
	err := r.helmUninstall(ctx, before.Name, v2.ReleaseActionUninstallRemediation)
	latest := r.hr.Status.History.Latest()
	what := fmt.Sprintf("Helm uninstall remediation for release %s with chart %s", latest.FullReleaseName(), latest.VersionedChartName())
	if err == nil {
		r.markTrue(v2.RemediatedCondition, v2.UninstallSucceededReason, fmt.Sprintf("%s succeeded", what))
		r.tellNormal(v2.UninstallSucceededReason, what+" succeeded")
		return nil
	}
	text := fmt.Sprintf("%s failed: %s", what, strings.TrimSpace(err.Error()))
	r.hr.Status.Failures++
	r.markFalse(v2.RemediatedCondition, v2.UninstallFailedReason, text)
	r.tellWarning(v2.UninstallFailedReason, text)
	if before.Digest == latest.Digest {
		return err
	}
	return nil
}

// uninstall removes the release because its HelmRelease is gone or means another one.
func (r *run) uninstall(ctx context.Context) error {
	defer r.summarize()
	latest := r.hr.Status.History.Latest()
	if latest == nil {
		return fmt.Errorf("%w: required to uninstall", errNoLatest)
	}
	err := r.helmUninstall(ctx, latest.Name, v2.ReleaseActionUninstall)
	what := fmt.Sprintf("release %s with chart %s", latest.FullReleaseName(), latest.VersionedChartName())
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound):
		r.markFalse(v2.ReleasedCondition, v2.UninstallSucceededReason,
			fmt.Sprintf("Release %s was not found, assuming it is uninstalled", latest.FullReleaseName()))
		return nil
	case err != nil && r.hr.GetUninstall().KeepHistory && strings.Contains(err.Error(), "is already deleted"):
		r.markFalse(v2.ReleasedCondition, v2.UninstallSucceededReason, fmt.Sprintf("Release %s was already uninstalled", latest.FullReleaseName()))
		return nil
	case err != nil:
		text := fmt.Sprintf("Helm uninstall failed for %s: %s", what, strings.TrimSpace(err.Error()))
		r.hr.Status.Failures++
		r.markFalse(v2.ReleasedCondition, v2.UninstallFailedReason, text)
		r.tellWarning(v2.UninstallFailedReason, text)
		return err
	}
	r.hr.Status.Inventory = nil
	text := "Helm uninstall succeeded for " + what
	r.markFalse(v2.ReleasedCondition, v2.UninstallSucceededReason, text)
	r.tellNormal(v2.UninstallSucceededReason, text)
	return nil
}

// unlock marks a release as failed whose action was interrupted.
func (r *run) unlock(ctx context.Context) error {
	defer r.summarize()
	c, err := r.configuration(ctx, r.noteWrites(""))
	if err != nil {
		return err
	}
	rel, err := last(c, r.name())
	if err != nil || rel == nil || !rel.Info.Status.IsPending() {
		return err
	}
	status := rel.Info.Status
	seen := snapshot(rel, "", "")
	rel.SetStatus(common.StatusFailed, fmt.Sprintf("Release unlocked from stale '%s' state", status))
	what := fmt.Sprintf("Helm release %s with chart %s in %s state", seen.FullReleaseName(), seen.VersionedChartName(), status)
	if err := c.Releases.Update(rel); err != nil {
		text := fmt.Sprintf("Unlock of %s failed: %s", what, strings.TrimSpace(err.Error()))
		r.hr.Status.Failures++
		r.markFalse(v2.ReleasedCondition, "PendingRelease", text)
		r.tellWarning("PendingRelease", text)
		return err
	}
	r.markFalse(v2.ReleasedCondition, "PendingRelease", fmt.Sprintf("Unlocked %s", what))
	r.tellNormal("PendingRelease", "Unlocked "+what)
	return nil
}
