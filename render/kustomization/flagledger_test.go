package kustomization

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// changing are the flags and gates that are known to change results.
var changing = map[string]string{
	"kustomize":      "no-cross-namespace-refs no-remote-bases default-service-account sops-age-secret custom-apply-stage-kinds override-manager watch-label-selector watch-all-namespaces watch-configs-label-selector StrictPostBuildSubstitutions ExternalArtifact AdditiveCELDependencyCheck DisableFailFastBehavior MigrateAPIVersion DisableConfigWatchers",
	"helm":           "no-cross-namespace-refs default-service-account watch-label-selector watch-all-namespaces watch-configs-label-selector ExternalArtifact AdditiveCELDependencyCheck UseHelm3Defaults DefaultToRetryOnFailure DisableChartDigestTracking DisableConfigWatchers",
	"source":         "watch-label-selector watch-all-namespaces",
	"source-watcher": "no-cross-namespace-refs watch-label-selector watch-all-namespaces",
}

// idle are those that a controller has and that change nothing, as far as they
// are not the same for all controllers.
var idle = map[string]string{
	"kustomize": "CacheSecretsAndConfigMaps DisableStatusPollerCache GroupChangeLog CancelHealthCheckOnNewRevision DirectSourceFetch DisableCommitStatusEvent ObjectLevelWorkloadIdentity " +
		"default-decryption-service-account default-kubeconfig-service-account sops-vault-configmap requeue-dependency http-retry concurrent concurrent-ssa",
	"helm": "CacheSecretsAndConfigMaps AllowDNSLookups AdoptLegacyReleases DetectDrift CorrectDrift OOMWatch DirectSourceFetch CancelHealthCheckOnNewRevision " +
		"snapshot-digest-algo override-manager requeue-dependency graceful-shutdown-timeout",
	"source":         "helm-cache-ttl helm-index-max-size storage-path storage-adv-addr requeue-dependency",
	"source-watcher": "reconciliation-timeout requeue-dependency storage-adv-addr",
}

func TestFlagLedger(t *testing.T) {
	influence := map[string][]string{}
	rows := map[string]Flag{}
	for _, f := range FlagLedger() {
		key := f.Controller + " " + f.Name
		if _, twice := rows[key]; twice && f.Why != whySize {
			t.Errorf("%s is listed twice", key)
		}
		rows[key] = f
		if f.Influences() == (f.Why != "") {
			t.Errorf("%s: a flag changes something or says why not, never both", key)
		}
		if f.Influences() {
			influence[f.Controller] = append(influence[f.Controller], f.Name)
		}
	}
	for controller, names := range changing {
		want := strings.Fields(names)
		slices.Sort(want)
		if diff := cmp.Diff(want, influence[controller]); diff != "" {
			t.Errorf("flags of %s that change results (-want +got):\n%s", controller, diff)
		}
	}
	for controller, names := range idle {
		for _, name := range strings.Fields(names) {
			if f, ok := rows[controller+" "+name]; !ok || f.Influences() {
				t.Errorf("%s %s is not listed as changing nothing", controller, name)
			}
		}
	}
}

// Every flag that changes something is read into a field of its own.
func TestFlagsChangeSettings(t *testing.T) {
	values := map[string]string{
		"custom-apply-stage-kinds": "a/B", "watch-label-selector": "a=b", "watch-configs-label-selector": "a=b", "watch-all-namespaces": "false",
		"StrictPostBuildSubstitutions": "false",
	}
	for _, f := range FlagLedger() {
		if !f.Influences() {
			continue
		}
		value := values[f.Name]
		if value == "" {
			value = "true"
		}
		argument := "--" + f.Name + "=" + value
		if f.Gate {
			argument = "--feature-gates=" + f.Name + "=" + value
		}
		controller := f.Controller
		if controller != "source-watcher" {
			controller += "-controller"
		}
		got, problems := Flags(render.DefaultSettings(), controller, []string{argument})
		if len(problems) > 0 || cmp.Equal(got, render.DefaultSettings()) {
			t.Errorf("%s %s changes nothing: %v", controller, argument, problems)
		}
	}
}

// A kind of the core group stands alone or after an empty group.
func TestStageKinds(t *testing.T) {
	s, problems := Flags(render.DefaultSettings(), "kustomize-controller", []string{"--custom-apply-stage-kinds=rbac.authorization.k8s.io/Role, ServiceAccount,/Secret"})
	if want := []string{"rbac.authorization.k8s.io/Role", "ServiceAccount", "/Secret"}; len(problems) > 0 || !slices.Equal(want, s.CustomStageKinds) {
		t.Errorf("got %q and %v, want %q", s.CustomStageKinds, problems, want)
	}
}

func TestFlagsThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		reason, flux, controller, argument, want string
	}{
		"typo": {
			"a controller ends at a flag that it does not have", "2.9", "kustomize-controller", "--no-remote-base=true",
			`kustomize-controller: there is no flag "--no-remote-base", so the controller does not start`,
		},
		"value": {
			"a boolean is true or false", "2.9", "kustomize-controller", "--no-cross-namespace-refs=yes",
			`kustomize-controller: the value of flag "no-cross-namespace-refs" cannot be read: "yes" is neither true nor false`,
		},
		"gate of another controller": {
			"each controller has gates of its own", "2.9", "kustomize-controller", "--feature-gates=UseHelm3Defaults=true",
			`kustomize-controller: there is no feature gate "UseHelm3Defaults", so the controller does not start`,
		},
		"gate of a later minor": {
			"a gate comes with a version", "2.7", "helm-controller", "--feature-gates=UseHelm3Defaults=true",
			`helm-controller: feature gate "UseHelm3Defaults" exists since Flux 2.8, the cluster runs 2.7: the controller does not start`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := Flags(render.DefaultSettings().For(test.flux), test.controller, []string{test.argument})
			if len(problems) != 1 || problems[0].Message != test.want {
				t.Errorf("%s: got %v, want %q", test.reason, problems, test.want)
			}
		})
	}
}

const shards = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [gotk-components.yaml, shard.yaml]
patches:
- target: {kind: Deployment, name: kustomize-controller}
  patch: |
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--watch-label-selector=!sharding.fluxcd.io/key"}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--concurrent=wrong"}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--no-remote-bases=maybe"}
`

func TestSettingsOfShards(t *testing.T) {
	shard := strings.ReplaceAll(strings.ReplaceAll(components, "name: kustomize-controller", "name: kustomize-controller-shard1"),
		"--no-remote-bases", "--watch-label-selector=sharding.fluxcd.io/key=shard1")
	files := map[string]string{
		"c/flux-system/kustomization.yaml": shards, "c/flux-system/gotk-components.yaml": components, "c/flux-system/shard.yaml": shard,
	}
	got, problems := Settings(render.DefaultSettings(), SettingsInput{Tree: repo.FromFiles(files), Root: onDisk(t, files), Folder: "c/flux-system"})
	want := render.Watch{Selectors: []string{"!sharding.fluxcd.io/key", "sharding.fluxcd.io/key=shard1"}}
	if diff := cmp.Diff(want, got.Watch); diff != "" {
		t.Errorf("what the instances watch (-want +got):\n%s", diff)
	}
	if len(problems) != 1 || problems[0].Pos.File != "c/flux-system/kustomization.yaml" || problems[0].Pos.Line != 9 {
		t.Errorf("got %v, want the line of the value that cannot be read", problems)
	}
}

func TestVersionOfComponents(t *testing.T) {
	tests := map[string]struct{ reason, content, want string }{
		"header": {"bootstrap writes it", "# Flux Version: v2.8.3\nimage: ghcr.io/fluxcd/kustomize-controller:v1.7.0", "2.8"},
		"label":  {"it survives where comments do not", "labels:\n  app.kubernetes.io/version: v2.7.0\n", "2.7"},
		"image":  {"minors of the controllers go with those of Flux", "image: registry.local/fluxcd/source-controller:v1.6.2\n", "2.6"},
		"none":   {"nothing is guessed", "image: fluxcd/helm-controller:v1.3.0\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := versionOf([]byte(test.content)); got != test.want {
				t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
			}
		})
	}
}

func TestVersionOfInstance(t *testing.T) {
	minors := []string{"2.6", "2.7", "2.8", "2.9", "2.10"}
	tests := map[string]struct {
		reason, version, want string
		assumed               int
	}{
		"patches of a minor": {"one minor fits", "2.8.x", "2.8", 0},
		"exact":              {"one version fits", "v2.7.3", "2.7", 0},
		"all":                {"the usual one of many", "2.x", "2.9", 1},
		"below":              {"the newest in the range", ">=2.6.0 <2.8.0", "2.7", 1},
		"next":               {"newer than usual when it must be", "2.10.x", "2.10", 0},
		"no range":           {"nothing is guessed", "latest", "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := "instance:\n  distribution:\n    version: " + `"` + test.version + `"` + "\n  sharding: {shards: [one]}\n"
			doc := repo.FromFiles(map[string]string{"values.yaml": text}).File("values.yaml").Documents()[0]
			got, problems := Settings(render.DefaultSettings(), SettingsInput{Tree: repo.FromFiles(nil), Instance: doc, InstanceField: "/instance", Minors: minors})
			if got.FluxVersion != test.want || len(got.Assumed) != test.assumed || len(problems) > 0 {
				t.Errorf("%s: got %q, %v, %v", test.reason, got.FluxVersion, got.Assumed, problems)
			}
			for _, a := range got.Assumed {
				if a.Pos != (finding.Position{File: "values.yaml", Line: 3, Col: 14, EndLine: 3, EndCol: 14 + len(test.version) + 2, Precision: a.Pos.Precision}) {
					t.Errorf("got %+v, want the place of the range", a.Pos)
				}
			}
			if diff := cmp.Diff([]string{"!sharding.fluxcd.io/key", "sharding.fluxcd.io/key=one"}, got.HelmWatch.Selectors); diff != "" {
				t.Errorf("shards (-want +got):\n%s", diff)
			}
		})
	}
}
