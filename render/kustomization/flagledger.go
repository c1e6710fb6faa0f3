package kustomization

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Flag is one flag or feature gate of a controller, and what becomes of it here.
type Flag struct {
	Controller string // without "-controller": kustomize, helm, source, source-watcher
	Name       string
	Gate       bool
	Since      int    // the minor of Flux 2 that brought it, 0 if it is older than 2.7
	Why        string // of one that is read but changes nothing: why not

	set func(s *render.Settings, value string) error // nil when it changes nothing
}

// Influences reports whether the flag changes results.
func (f Flag) Influences() bool { return f.set != nil }

// FlagLedger returns every flag and gate of the controllers that make objects,
// sorted by controller and name.
func FlagLedger() []Flag {
	out := slices.Concat(kustomizeLedger, helmLedger, sourceLedger, watcherLedger)
	for _, controller := range []string{"kustomize", "helm", "source", "source-watcher"} {
		for _, f := range sharedLedger {
			f.Controller = controller
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Flag) int {
		return strings.Compare(a.Controller+" "+a.Name, b.Controller+" "+b.Name)
	})
	return out
}

// Reasons for which a flag changes nothing.
const (
	whyTime     = "when something happens, not what"
	whySize     = "how much memory or how many workers are used"
	whyLog      = "what is logged or measured"
	whyAccess   = "credentials for services that are never dialled"
	whyFetch    = "how an artifact is fetched, not what it holds"
	whyElection = "which replica works"
	whyRemote   = "clusters behind a kubeConfig are not replayed"
	whyLegacy   = "ignored by the controller"
)

var kustomizeLedger = []Flag{
	flagRow("kustomize", "no-cross-namespace-refs", truth(func(s *render.Settings) *bool { return &s.NoCrossNamespaceRefs })),
	flagRow("kustomize", "no-remote-bases", truth(func(s *render.Settings) *bool { return &s.NoRemoteBases })),
	flagRow("kustomize", "default-service-account", words(func(s *render.Settings) *string { return &s.KustomizeDefaultServiceAccount })),
	flagRow("kustomize", "sops-age-secret", words(func(s *render.Settings) *string { return &s.SOPSAgeSecret })),
	flagRow("kustomize", "custom-apply-stage-kinds", stageKinds),
	flagRow("kustomize", "override-manager", repeated(func(s *render.Settings) *[]string { return &s.OverrideManagers })),
	flagRow("kustomize", "watch-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.Watch })),
	flagRow("kustomize", "watch-all-namespaces", allNamespaces(func(s *render.Settings) *render.Watch { return &s.Watch })),
	flagRow("kustomize", "watch-configs-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.WatchConfigs })),
	gateRow("kustomize", "StrictPostBuildSubstitutions", 0, truth(func(s *render.Settings) *bool { return &s.StrictSubstitution })),
	gateRow("kustomize", "ExternalArtifact", 7, truth(func(s *render.Settings) *bool { return &s.ExternalArtifact })),
	gateRow("kustomize", "AdditiveCELDependencyCheck", 7, truth(func(s *render.Settings) *bool { return &s.AdditiveCELDependencyCheck })),
	gateRow("kustomize", "DisableFailFastBehavior", 0, truth(func(s *render.Settings) *bool { return &s.DisableFailFast })),
	gateRow("kustomize", "MigrateAPIVersion", 8, truth(func(s *render.Settings) *bool { return &s.MigrateAPIVersion })),
	gateRow("kustomize", "DisableConfigWatchers", 7, truth(func(s *render.Settings) *bool { return &s.WatchConfigs.Off })),
	gateWithout("kustomize", "CancelHealthCheckOnNewRevision", 7, whyTime),
	gateWithout("kustomize", "DisableCommitStatusEvent", 9, whyLog),
	gateWithout("kustomize", "DisableStatusPollerCache", 0, whySize),
	gateWithout("kustomize", "GroupChangeLog", 0, whyLog),
	without("kustomize", "default-decryption-service-account", whyAccess),
	without("kustomize", "default-kubeconfig-service-account", whyRemote),
	without("kustomize", "sops-vault-configmap", whyAccess),
	without("kustomize", "requeue-dependency", whyTime),
	without("kustomize", "http-retry", whyFetch),
	without("kustomize", "concurrent-ssa", whySize),
}

var helmLedger = []Flag{
	flagRow("helm", "no-cross-namespace-refs", truth(func(s *render.Settings) *bool { return &s.HelmNoCrossNamespaceRefs })),
	flagRow("helm", "default-service-account", words(func(s *render.Settings) *string { return &s.HelmDefaultServiceAccount })),
	flagRow("helm", "watch-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.HelmWatch })),
	flagRow("helm", "watch-all-namespaces", allNamespaces(func(s *render.Settings) *render.Watch { return &s.HelmWatch })),
	flagRow("helm", "watch-configs-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.HelmWatchConfigs })),
	gateRow("helm", "ExternalArtifact", 7, truth(func(s *render.Settings) *bool { return &s.HelmExternalArtifact })),
	gateRow("helm", "AdditiveCELDependencyCheck", 7, truth(func(s *render.Settings) *bool { return &s.HelmAdditiveCELDependencyCheck })),
	gateRow("helm", "UseHelm3Defaults", 8, truth(func(s *render.Settings) *bool { return &s.UseHelm3Defaults })),
	gateRow("helm", "DefaultToRetryOnFailure", 8, truth(func(s *render.Settings) *bool { return &s.DefaultToRetryOnFailure })),
	gateRow("helm", "DisableChartDigestTracking", 0, truth(func(s *render.Settings) *bool { return &s.DisableChartDigestTracking })),
	gateRow("helm", "DisableConfigWatchers", 7, truth(func(s *render.Settings) *bool { return &s.HelmWatchConfigs.Off })),
	gateWithout("helm", "AllowDNSLookups", 0, "names are never resolved here, so templates see the answer that helm-controller gives without the gate"),
	gateWithout("helm", "CancelHealthCheckOnNewRevision", 8, whyTime),
	gateWithout("helm", "AdoptLegacyReleases", 0, "releases of Flux before 2.2 are not replayed"),
	gateWithout("helm", "DetectDrift", 0, whyLegacy),
	gateWithout("helm", "CorrectDrift", 0, whyLegacy),
	gateWithout("helm", "OOMWatch", 0, whySize),
	without("helm", "override-manager", "whose fields a correction of drift takes over: objects have the fields of the release all the same"),
	without("helm", "snapshot-digest-algo", "the digest of a stored release is never shown"),
	without("helm", "default-kubeconfig-service-account", whyRemote),
	without("helm", "requeue-dependency", whyTime),
	without("helm", "graceful-shutdown-timeout", whyTime),
	without("helm", "http-retry", whyFetch),
	without("helm", "http-timeout", whyFetch),
	without("helm", "oom-watch-memory-threshold", whySize),
	without("helm", "oom-watch-interval", whySize),
	without("helm", "oom-watch-max-memory-path", whySize),
	without("helm", "oom-watch-current-memory-path", whySize),
}

var sourceLedger = []Flag{
	flagRow("source", "watch-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.SourceWatch })),
	flagRow("source", "watch-all-namespaces", allNamespaces(func(s *render.Settings) *render.Watch { return &s.SourceWatch })),
	gateWithout("source", "CacheSecretsAndConfigMaps", 0, whySize),
	without("source", "default-service-account", whyAccess),
	without("source", "requeue-dependency", whyTime),
	without("source", "ssh-hostkey-algos", whyAccess),
	without("source", "ssh-kex-algos", whyAccess),
	without("source", "helm-index-max-size", whySize),
	without("source", "helm-chart-max-size", whySize),
	without("source", "helm-chart-file-max-size", whySize),
	without("source", "helm-cache-max-size", whySize),
	without("source", "helm-cache-ttl", whyTime),
	without("source", "helm-cache-purge-interval", whyTime),
}

var watcherLedger = []Flag{
	flagRow("source-watcher", "no-cross-namespace-refs", truth(func(s *render.Settings) *bool { return &s.WatcherNoCrossNamespaceRefs })),
	flagRow("source-watcher", "watch-label-selector", labelSelector(func(s *render.Settings) *render.Watch { return &s.WatcherWatch })),
	flagRow("source-watcher", "watch-all-namespaces", allNamespaces(func(s *render.Settings) *render.Watch { return &s.WatcherWatch })),
	without("source-watcher", "reconciliation-timeout", whyTime),
	without("source-watcher", "requeue-dependency", whyTime),
	without("source-watcher", "http-retry", whyFetch),
}

// sharedLedger are the flags that every controller has.
var sharedLedger = slices.Concat(
	ignored(whyLog, "metrics-addr", "events-addr", "health-addr", "log-level", "log-encoding"),
	ignored(whyElection, "enable-leader-election", "leader-election-release-on-cancel", "leader-election-lease-duration",
		"leader-election-renew-deadline", "leader-election-retry-period"),
	ignored(whyTime, "min-retry-delay", "max-retry-delay", "interval-jitter-percentage", "kube-api-qps", "kube-api-burst"),
	ignored(whyRemote, "insecure-kubeconfig-exec", "insecure-kubeconfig-tls"),
	ignored(whyFetch, "storage-path", "storage-addr", "storage-adv-addr", "artifact-retention-ttl", "artifact-retention-records", "artifact-digest-algo", "insecure-allow-http"),
	ignored(whyAccess, "token-cache-max-size", "token-cache-max-duration"),
	ignored(whySize, "concurrent"),
	[]Flag{
		gateWithout("", "ObjectLevelWorkloadIdentity", 0, whyAccess),
		gateWithout("", "DirectSourceFetch", 8, whySize),
		gateWithout("", "CacheSecretsAndConfigMaps", 0, whySize),
	},
)

func flagRow(controller, name string, set func(*render.Settings, string) error) Flag {
	return Flag{Controller: controller, Name: name, set: set}
}

func gateRow(controller, name string, since int, set func(*render.Settings, string) error) Flag {
	return Flag{Controller: controller, Name: name, Gate: true, Since: since, set: set}
}

func without(controller, name, why string) Flag {
	return Flag{Controller: controller, Name: name, Why: why}
}

func gateWithout(controller, name string, since int, why string) Flag {
	return Flag{Controller: controller, Name: name, Gate: true, Since: since, Why: why}
}

func ignored(why string, names ...string) []Flag {
	var out []Flag
	for _, name := range names {
		out = append(out, Flag{Name: name, Why: why})
	}
	return out
}

// truth reads a boolean; a flag without a value is true.
func truth(field func(*render.Settings) *bool) func(*render.Settings, string) error {
	return func(s *render.Settings, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		*field(s) = on
		return nil
	}
}

func words(field func(*render.Settings) *string) func(*render.Settings, string) error {
	return func(s *render.Settings, value string) error {
		*field(s) = value
		return nil
	}
}

func repeated(field func(*render.Settings) *[]string) func(*render.Settings, string) error {
	return func(s *render.Settings, value string) error {
		*field(s) = append(slices.Clone(*field(s)), value)
		return nil
	}
}

// stageKinds reads a list of group/Kind, separated by commas. A kind alone is
// one of the core group; the controller refuses nothing.
func stageKinds(s *render.Settings, value string) error {
	s.CustomStageKinds = nil
	for _, item := range strings.Split(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			s.CustomStageKinds = append(s.CustomStageKinds, item)
		}
	}
	return nil
}

func labelSelector(field func(*render.Settings) *render.Watch) func(*render.Settings, string) error {
	return func(s *render.Settings, value string) error {
		if _, err := labels.Parse(value); err != nil {
			return fmt.Errorf("%q is not a label selector: %w", value, err)
		}
		field(s).Selectors = []string{value}
		return nil
	}
}

func allNamespaces(field func(*render.Settings) *render.Watch) func(*render.Settings, string) error {
	return func(s *render.Settings, value string) error {
		all, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		field(s).Namespace = ""
		if !all {
			field(s).Namespace = fluxNamespace
		}
		return nil
	}
}

// fluxNamespace is where the controllers run.
const fluxNamespace = "flux-system"
