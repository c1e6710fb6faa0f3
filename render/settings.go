package render

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Settings is how the controllers of a cluster run, as far as it changes
// results. Fields without the name of a controller are of kustomize-controller
// alone; render/kustomization has the ledger of the flags that set them.
type Settings struct {
	FluxVersion string // 2.9
	KubeVersion string // v1.37.2

	StrictSubstitution             bool
	ExternalArtifact               bool
	NoCrossNamespaceRefs           bool
	NoRemoteBases                  bool
	KustomizeDefaultServiceAccount string
	SOPSAgeSecret                  string // in flux-system: age keys for Kustomizations without secretRef
	CustomStageKinds               []string
	OverrideManagers               []string
	AdditiveCELDependencyCheck     bool
	DisableFailFast                bool // a failed object is waited for until the time is up
	MigrateAPIVersion              bool
	WatchConfigs                   Watch // ConfigMaps and Secrets that wake Kustomizations
	Watch                          Watch // Kustomizations

	HelmController                 string // v1.6.5, empty when only the minor of Flux is known
	HelmExternalArtifact           bool
	HelmNoCrossNamespaceRefs       bool
	HelmDefaultServiceAccount      string
	HelmAdditiveCELDependencyCheck bool
	UseHelm3Defaults               bool
	DefaultToRetryOnFailure        bool
	DisableChartDigestTracking     bool
	HelmWatchConfigs               Watch
	HelmWatch                      Watch // HelmReleases

	SourceWatch                 Watch // of source-controller: sources
	WatcherNoCrossNamespaceRefs bool  // source-watcher
	WatcherWatch                Watch // ArtifactGenerators

	Declared bool // the repository says how its controllers run
	Complete bool // what the cluster does not hold does not exist: nothing is made by hand
	Offline  bool
	Assumed  []repo.Assumption
}

// Watch is which objects the instances of a controller look at. The zero value
// means all of them.
type Watch struct {
	Selectors []string // label selectors, one per instance; an empty one selects everything
	Namespace string   // empty for all namespaces
	Off       bool     // of ConfigMaps and Secrets: none is watched
}

// DefaultSettings is Flux 2.9 without flags on the embedded Kubernetes version.
func DefaultSettings() Settings {
	return Settings{FluxVersion: "2.9", KubeVersion: "v1.37.2", StrictSubstitution: true, Offline: true}
}

// For returns the settings with the defaults that another minor of Flux has:
// substitution is strict since 2.9. Flags come after.
func (s Settings) For(minor string) Settings {
	s.FluxVersion = minor
	s.StrictSubstitution = s.Since(9)
	return s
}

// Since reports whether the cluster runs Flux 2.minor or newer.
func (s Settings) Since(minor int) bool {
	var have int
	if _, err := fmt.Sscanf(s.FluxVersion, "2.%d", &have); err != nil {
		return true
	}
	return have >= minor
}

// ServerSideReleases reports whether helm-controller installs with server-side
// apply unless the release says otherwise: it does since Flux 2.8, which brought Helm 4.
func (s Settings) ServerSideReleases() bool { return s.Since(8) && !s.UseHelm3Defaults }

// PostRendersHooks reports whether hooks go through the post-renderers of a
// release that does not say: they do since Flux 2.9.
func (s Settings) PostRendersHooks() bool { return s.Since(9) && !s.UseHelm3Defaults }

// UpdatesCRDs reports whether the CRD policy Create also updates what exists, as
// helm-controller 1.5.0 to 1.6.4 do with server-side apply.
func (s Settings) UpdatesCRDs() bool {
	var minor, patch int
	if n, err := fmt.Sscanf(s.HelmController, "v1.%d.%d", &minor, &patch); err == nil && n == 2 {
		return minor == 5 || minor == 6 && patch < 5
	}
	return s.Since(8) && !s.Since(10)
}
