package release

import (
	"context"
	"errors"
	"fmt"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"helm.sh/helm/v4/pkg/storage/driver"
)

// kind tells actions apart: each kind runs at most once in a reconciliation.
type kind int

const (
	releases kind = iota
	tests
	remediates
	unlocks
	corrects
)

// step is an action to take.
type step struct {
	name string
	kind kind
	run  func(context.Context) error
}

var (
	errOutOfRetries     = errors.New("exceeded maximum retries")
	errNoRollbackTarget = errors.New("missing target release for rollback")
	errNoLatest         = errors.New("no latest release")
)

func (r *run) installStep() *step { return &step{name: "install", kind: releases, run: r.install} }

func (r *run) upgradeStep() *step { return &step{name: "upgrade", kind: releases, run: r.upgrade} }

// choose says which action the state asks for; none when the release is as desired.
func (r *run) choose(now state) (*step, error) {
	forced := meta.ShouldHandleForceRequest(r.hr)
	switch now.condition {
	case inSync:
		return r.chooseInSync(forced), nil
	case locked:
		return &step{name: "unlock", kind: unlocks, run: r.unlock}, nil
	case absent:
		if !forced && r.hr.GetInstall().GetRemediation().RetriesExhausted(r.hr) {
			return nil, fmt.Errorf("%w: cannot install release", errOutOfRetries)
		}
		return r.installStep(), nil
	case unmanaged:
		r.hr.Status.ClearHistory()
		return r.upgradeStep(), nil
	case outOfSync:
		if !forced && r.hr.GetUpgrade().GetRemediation().RetriesExhausted(r.hr) {
			return nil, fmt.Errorf("%w: cannot upgrade release", errOutOfRetries)
		}
		return r.upgradeStep(), nil
	case drifted:
		return r.chooseDrifted(now), nil
	case untested:
		r.forgetRemediation()
		return &step{name: "test", kind: tests, run: r.test}, nil
	}
	return r.chooseFailed(forced)
}

// chooseInSync tidies the status of a release that needs nothing.
func (r *run) chooseInSync(forced bool) *step {
	if r.retries() {
		r.hr.Status.History.TruncateIgnoringPreviousSnapshots()
	} else {
		r.hr.Status.History.Truncate(r.ignoresTests())
	}
	if forced {
		return r.upgradeStep()
	}
	r.forgetRemediation()
	if !r.isTrue(meta.ReadyCondition) || !r.isTrue(v2.ReleasedCondition) {
		latest := r.hr.Status.History.Latest()
		switch released := r.has(v2.ReleasedCondition); {
		case released == nil:
		case released.Reason == v2.InstallFailedReason:
			r.markTrue(v2.ReleasedCondition, v2.InstallSucceededReason, succeeded("install", latest))
			r.summarize()
		case released.Reason == v2.UpgradeFailedReason:
			r.markTrue(v2.ReleasedCondition, v2.UpgradeSucceededReason, succeeded("upgrade", latest))
			r.summarize()
		}
	}
	if r.hr.GetDriftDetection().MustDetectChanges() {
		r.markFalse(v2.DriftedCondition, v2.NoDriftDetectedReason, "No drift detected against the cluster state")
	}
	return nil
}

func (r *run) chooseDrifted(now state) *step {
	maskSecrets(now.drift)
	text := fmt.Sprintf("Cluster state of release %s has drifted from the desired state:\n%s",
		r.hr.Status.History.Latest().FullReleaseName(), driftText(now.drift))
	r.tellWarning(v2.DriftDetectedReason, text)
	r.markTrue(v2.DriftedCondition, v2.DriftDetectedReason, text)
	if r.hr.GetDriftDetection().GetMode() != v2.DriftDetectionEnabled {
		return nil
	}
	return &step{name: "correct cluster drift", kind: corrects, run: func(ctx context.Context) error {
		return r.correct(ctx, now.drift)
	}}
}

// chooseFailed retries, remediates or gives up.
func (r *run) chooseFailed(forced bool) (*step, error) {
	if r.retries() {
		r.hr.Status.History.TruncateIgnoringPreviousSnapshots()
		return r.upgradeStep(), nil
	}
	remediation := r.hr.GetActiveRemediation()
	if remediation == nil || remediation.GetFailureCount(r.hr) <= 0 || forced {
		return r.upgradeStep(), nil
	}
	if remediation.RetriesExhausted(r.hr) && !remediation.MustRemediateLastFailure() {
		return nil, fmt.Errorf("%w: cannot remediate failed release", errOutOfRetries)
	}
	r.hr.Status.History.Truncate(r.ignoresTests())
	switch remediation.GetStrategy() {
	case v2.RollbackRemediationStrategy:
		return r.chooseRollback()
	case v2.UninstallRemediationStrategy:
		return &step{name: "uninstall", kind: remediates, run: r.uninstallRemediation}, nil
	}
	return nil, fmt.Errorf("unknown remediation strategy: %s", remediation.GetStrategy())
}

// chooseRollback rolls back to the release before, when it is still there as
// it was; else it tries the upgrade again.
func (r *run) chooseRollback() (*step, error) {
	target := r.hr.Status.History.Previous(r.ignoresTests())
	if target == nil {
		return nil, fmt.Errorf("%w: cannot remediate failed release", errNoRollbackTarget)
	}
	c, err := r.configuration(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	found, err := c.Releases.Get(target.Name, target.Version)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return r.upgradeStep(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot verify previous release to roll back to: %w", err)
	}
	rel, err := typed(found)
	if err != nil {
		return nil, err
	}
	if !written(target, rel) {
		return r.upgradeStep(), nil
	}
	return &step{name: "rollback", kind: remediates, run: r.rollback}, nil
}

// ignoresTests reports whether failed tests leave a release good.
func (r *run) ignoresTests() bool {
	ignore := r.hr.GetTest().IgnoreFailures
	if remediation := r.hr.GetActiveRemediation(); remediation != nil {
		return remediation.MustIgnoreTestFailures(ignore)
	}
	return ignore
}
