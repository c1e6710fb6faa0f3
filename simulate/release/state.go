package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/opencontainers/go-digest"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/release/common"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
)

// condition is how the stored release compares with what the HelmRelease wants.
type condition string

const (
	absent    condition = "absent"      // nothing is installed
	locked    condition = "locked"      // an action was interrupted
	unmanaged condition = "unmanaged"   // somebody else wrote the release
	outOfSync condition = "out-of-sync" // another chart, version, values or post-rendering is wanted
	failed    condition = "failed"      // the release or its tests
	untested  condition = "untested"
	drifted   condition = "drifted"
	inSync    condition = "in-sync"
)

// state is the condition, and how the cluster differs when it has drifted.
type state struct {
	condition
	drift jsondiff.DiffSet
}

var errNotHelm4 = errors.New("only the Chart API v2 is supported")

// last returns the newest release in the storage, or nil.
func last(c *action.Configuration, name string) (*helm.Release, error) {
	found, err := c.Releases.Last(name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rel, ok := found.(*helm.Release)
	if !ok {
		return nil, errNotHelm4
	}
	return rel, nil
}

// state looks at the storage first, then at the history, then at the cluster.
func (r *run) state(ctx context.Context) (state, error) {
	c, err := r.configuration(ctx, nil)
	if err != nil {
		return state{}, err
	}
	rel, err := last(c, r.name())
	if err != nil {
		return state{}, fmt.Errorf("failed to retrieve last release from storage: %w", err)
	}
	latest := r.hr.Status.History.Latest()
	switch {
	case rel == nil:
		return state{condition: absent}, nil
	case rel.Info.Status.IsPending():
		return state{condition: locked}, nil
	case latest == nil && rel.Info.Status == common.StatusUninstalled:
		return state{condition: absent}, nil
	case latest == nil || !written(latest, rel):
		return state{condition: unmanaged}, nil
	}
	switch rel.Info.Status {
	case common.StatusFailed:
		return state{condition: failed}, nil
	case common.StatusUninstalled:
		return state{condition: absent}, nil
	case common.StatusDeployed:
		return r.deployed(ctx, rel)
	}
	return state{}, fmt.Errorf("unable to determine state for release with status '%s'", rel.Info.Status)
}

// written reports whether the stored release is the one of the history.
func written(s *v2.Snapshot, rel *helm.Release) bool {
	if s.APIVersion != v2.CurrentSnapshotAPIVersion {
		return true
	}
	if !ours(s.Digest) {
		return stored(s, rel)
	}
	return s.Digest == fingerprint(rel, s.OCIDigest)
}

// stored reports whether the release is the one that another cluster has stored:
// how its controller sums a release up differs between versions of Flux.
func stored(s *v2.Snapshot, rel *helm.Release) bool {
	chart := chartOf(rel)
	return s.Targets(rel.Name, rel.Namespace, rel.Version) && s.ChartName == chart.Name && s.ChartVersion == chart.Version &&
		s.LastDeployed.Unix() == rel.Info.LastDeployed.Unix() && s.Status == rel.Info.Status.String()
}

// deployed tells the conditions of a release that Helm has completed.
func (r *run) deployed(ctx context.Context, rel *helm.Release) (state, error) {
	latest := r.hr.Status.History.Latest()
	chart := chartOf(rel)
	want := r.req.Prepared
	switch {
	case chart.Name != want.ChartName || chart.Version != want.ChartVersion,
		!chartutil.VerifyValues(digest.Digest(latest.ConfigDigest), want.Values),
		r.postRenderingChanged():
		return state{condition: outOfSync}, nil
	}
	if test := r.hr.GetTest(); test.Enable {
		if !latest.HasBeenTested() {
			return state{condition: untested}, nil
		}
		remediation := r.hr.GetActiveRemediation()
		if remediation != nil && !remediation.MustIgnoreTestFailures(test.IgnoreFailures) && latest.HasTestInPhase(helm.HookPhaseFailed.String()) {
			return state{condition: failed}, nil
		}
	}
	if !r.hr.GetDriftDetection().MustDetectChanges() {
		return state{condition: inSync}, nil
	}
	drift, err := r.drift(ctx, rel)
	switch {
	case drift.HasChanges():
		return state{condition: drifted, drift: drift}, nil
	case err != nil:
		return state{}, fmt.Errorf("unable to determine cluster state: %w", err)
	}
	return state{condition: inSync}, nil
}

// postRenderingChanged compares post-renderers and common metadata, of a spec
// that was not reconciled to the end before.
func (r *run) postRenderingChanged() bool {
	if r.hr.Status.ObservedGeneration == r.hr.Generation {
		return false
	}
	renderers, metadata := r.postRenderingDigests()
	return renderers != r.hr.Status.ObservedPostRenderersDigest || metadata != r.hr.Status.ObservedCommonMetadataDigest
}

func (r *run) postRenderingDigests() (renderers, metadata string) {
	if r.hr.Spec.PostRenderers != nil {
		renderers = jsonDigest(r.hr.Spec.PostRenderers)
	}
	if r.hr.Spec.CommonMetadata != nil {
		metadata = jsonDigest(r.hr.Spec.CommonMetadata)
	}
	return renderers, metadata
}

// jsonDigest is the digest of a value as a line of JSON.
func jsonDigest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return digest.FromBytes(append(data, '\n')).String()
}
