package release

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/opencontainers/go-digest"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clients "k8s.io/client-go/kubernetes/typed/core/v1"
)

// watchedStorage shows each release that is written to or removed from the storage.
type watchedStorage struct {
	driver.Driver
	see func(*helm.Release)
}

// unfinished are the states of a release that its action replaces when it ends.
var unfinished = []common.Status{common.StatusPendingInstall, common.StatusPendingUpgrade}

func (w *watchedStorage) show(r release.Releaser, err error) error {
	if rel, ok := r.(*helm.Release); ok && err == nil && w.see != nil {
		w.see(rel)
	}
	return err
}

// Create stores a release.
func (w *watchedStorage) Create(key string, r release.Releaser) error {
	return w.show(r, w.Driver.Create(key, r))
}

// Update stores a release again. Helm does so before each hook, with nothing
// new but when the hook starts, and ignores whether that succeeds. An install or
// an upgrade always ends with another update, so these are left out.
func (w *watchedStorage) Update(key string, r release.Releaser) error {
	if rel, ok := r.(*helm.Release); ok && slices.Contains(unfinished, rel.Info.Status) {
		return w.show(r, nil)
	}
	return w.show(r, w.Driver.Update(key, r))
}

// Delete removes a release.
func (w *watchedStorage) Delete(key string) (release.Releaser, error) {
	r, err := w.Driver.Delete(key)
	return r, w.show(r, err)
}

// shelf is where the releases of a namespace are stored, for one reconciliation.
// Helm lists those of a release again and again, and the server reads all that are
// in the namespace each time; nobody else writes to those of this release meanwhile.
type shelf struct {
	clients.SecretInterface
	mu     sync.Mutex
	listed map[string]*corev1.SecretList // by what was asked for, empty after a write
}

// List implements clients.SecretInterface.
func (s *shelf) List(ctx context.Context, opts metav1.ListOptions) (*corev1.SecretList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.listed[opts.String()]; known != nil {
		return known.DeepCopy(), nil
	}
	found, err := s.SecretInterface.List(ctx, opts)
	if err == nil {
		s.listed[opts.String()] = found.DeepCopy()
	}
	return found, err
}

// Create implements clients.SecretInterface.
func (s *shelf) Create(ctx context.Context, secret *corev1.Secret, opts metav1.CreateOptions) (*corev1.Secret, error) {
	defer s.forget()
	return s.SecretInterface.Create(ctx, secret, opts)
}

// Update implements clients.SecretInterface.
func (s *shelf) Update(ctx context.Context, secret *corev1.Secret, opts metav1.UpdateOptions) (*corev1.Secret, error) {
	defer s.forget()
	return s.SecretInterface.Update(ctx, secret, opts)
}

// Delete implements clients.SecretInterface.
func (s *shelf) Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error {
	defer s.forget()
	return s.SecretInterface.Delete(ctx, name, opts)
}

func (s *shelf) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.listed)
}

// fingerprint is what makes a stored release the one that was seen. Tests may
// be run by anybody, so their hooks do not count.
func fingerprint(rel *helm.Release, artifact string) string {
	var hooks []*helm.Hook
	for _, h := range rel.Hooks {
		if !slices.Contains(h.Events, helm.HookTest) {
			hooks = append(hooks, h)
		}
	}
	data, err := json.Marshal(struct {
		Name, Namespace, Manifest, Artifact string
		Version                             int
		Info                                *helm.Info
		Chart                               *helmchart.Metadata
		Config                              map[string]any
		Hooks                               []*helm.Hook
	}{rel.Name, rel.Namespace, rel.Manifest, artifact, rel.Version, rel.Info, chartOf(rel), configOf(rel), hooks})
	if err != nil {
		return ""
	}
	return digest.SHA512.FromBytes(data).String()
}

// ours reports whether a digest is a fingerprint. Those of controllers are made
// with other algorithms unless a flag says so.
func ours(sum string) bool { return strings.HasPrefix(sum, digest.SHA512.String()+":") }

func chartOf(rel *helm.Release) *helmchart.Metadata {
	if rel.Chart == nil || rel.Chart.Metadata == nil {
		return &helmchart.Metadata{}
	}
	return rel.Chart.Metadata
}

// configOf is nil for a release without values, as no values are stored.
func configOf(rel *helm.Release) map[string]any {
	if len(rel.Config) == 0 {
		return nil
	}
	return rel.Config
}

// snapshot is the entry of the history for a release.
func snapshot(rel *helm.Release, artifact string, by v2.ReleaseAction) *v2.Snapshot {
	chart := chartOf(rel)
	return &v2.Snapshot{
		APIVersion: v2.CurrentSnapshotAPIVersion, Digest: fingerprint(rel, artifact),
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version,
		ChartName: chart.Name, ChartVersion: chart.Version, AppVersion: chart.AppVersion,
		ConfigDigest:  chartutil.DigestValues(digest.Canonical, rel.Config).String(),
		FirstDeployed: metav1.NewTime(rel.Info.FirstDeployed), LastDeployed: metav1.NewTime(rel.Info.LastDeployed),
		Deleted: metav1.NewTime(rel.Info.Deleted), Status: rel.Info.Status.String(),
		Action: by, OCIDigest: artifact,
	}
}

// sightings are the releases that an install or upgrade has written, by version.
type sightings map[int]*v2.Snapshot

// record puts the newest release at the front of the history and refreshes the
// entries of the others.
func (s sightings) record(status *v2.HelmReleaseStatus) {
	versions := slices.Sorted(maps.Keys(s))
	for i, v := range slices.Backward(versions) {
		if i == len(versions)-1 {
			status.History = append(v2.Snapshots{s[v]}, status.History...)
			continue
		}
		refresh(status, s[v])
	}
}

// refresh replaces the entry of the same release, and keeps what only the
// history knows.
func refresh(status *v2.HelmReleaseStatus, seen *v2.Snapshot) bool {
	for i, old := range status.History {
		if old.Targets(seen.Name, seen.Namespace, seen.Version) {
			seen.SetTestHooks(old.GetTestHooks())
			status.History[i] = seen
			return true
		}
	}
	return false
}

// known is the artifact digest that the history has of a release.
func known(status *v2.HelmReleaseStatus, rel *helm.Release) string {
	for _, s := range status.History {
		if s.Targets(rel.Name, rel.Namespace, rel.Version) {
			return s.OCIDigest
		}
	}
	return ""
}
