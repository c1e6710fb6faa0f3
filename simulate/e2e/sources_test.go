package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

func gitRepository(name, more string) string {
	return fmt.Sprintf(`{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: %s, namespace: flux-system},
spec: {interval: 1h, url: "https://git.test/flux-system", ref: {branch: main}, %s}}`, name, more)
}

func childOf(name, source string) string {
	return fmt.Sprintf(`{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: %s, namespace: flux-system},
spec: {interval: 1h, path: ./app, namePrefix: %s-, prune: true, sourceRef: {kind: GitRepository, name: %s}}}`, name, name, source)
}

// Sources that are refused, paused or gone, and those who need them.
func TestSources(t *testing.T) {
	base := map[string]string{
		"app/cm.yaml":           configMap("cm", "one"),
		"clusters/keyless.yaml": gitRepository("keyless", "secretRef: {name: absent}"),
		"clusters/gone.yaml":    gitRepository("gone", ""), "clusters/ofgone.yaml": childOf("ofgone", "gone"),
		"clusters/paused.yaml": `{apiVersion: source.extensions.fluxcd.io/v1beta1, kind: ArtifactGenerator,
metadata: {name: paused, namespace: flux-system, annotations: {source.extensions.fluxcd.io/reconcile: disabled}},
spec: {sources: [{alias: a, kind: GitRepository, name: gone}], artifacts: [{name: never, copy: [{from: "@a/**", to: "@artifact/"}]}]}}`,
		"clusters/partly.yaml": child("partly", ""), "partly/space.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: stays}}",
		"clusters/awaits.yaml": child("awaits", "wait: true,"), "awaits/registry.yaml": `{apiVersion: source.toolkit.fluxcd.io/v1, kind: HelmRepository,
metadata: {name: registry, namespace: default}, spec: {type: oci, interval: 1h, url: "oci://registry.test/charts"}}`,
		"partly/gadget.yaml": "{apiVersion: example.org/v1, kind: Gadget, metadata: {name: g, namespace: default}}",
	}
	head := maps.Clone(base)
	delete(head, "clusters/gone.yaml")
	step := simulate.StepInput{Settings: render.Settings{Complete: true}, Renderers: []render.Renderer{artifactgenerator.New()}}
	result := replay(t, server(t), simulate.Options{Emulate: simulate.Emulate{Namespaces: true}, Steps: []simulate.StepInput{step, step}}, base, head)
	wants := []struct{ reason, object, ready string }{
		{"a Secret that nobody makes", "GitRepository/flux-system/keyless",
			`False AuthenticationFailed failed to get secret 'flux-system/absent': failed to get secret 'flux-system/absent': secrets "absent" not found`},

		{"a generator that is paused from its beginning", "ArtifactGenerator/flux-system/paused",
			"True ReconciliationDisabled Initialized with reconciliation suspended"},
		{"a second attempt finds applied what the first one applied", "Kustomization/flux-system/partly",
			"False ReconciliationFailed Gadget/default/g dry-run failed: no matches for kind \"Gadget\" in version \"example.org/v1\"\n"},
	}
	for i, step := range result.Steps {
		got := map[string]string{}
		for _, owner := range step.Owners {
			got[owner.Ref.String()] = owner.Ready.Status + " " + owner.Ready.Reason + " " + owner.Ready.Message
		}
		for _, want := range wants {
			if d := cmp.Diff(want.ready, got[want.object]); d != "" {
				t.Errorf("step %d, %s (-want +got):\n%s", i, want.reason, d)
			}
		}
		if ready := got["Kustomization/flux-system/awaits"]; !strings.HasPrefix(ready, "True ReconciliationSucceeded ") {
			t.Errorf("step %d: a HelmRepository of a registry is healthy as it is, but: %s", i, ready)
		}
		if ready := got["Kustomization/flux-system/ofgone"]; !strings.HasPrefix(ready, "True ReconciliationSucceeded ") {
			t.Errorf("step %d: a source that goes wakes nobody, but: %s", i, ready)
		}
	}
}

// Keys that nobody has made: the source is not ready, whatever it holds, and
// what is not to be verified is not asked for keys.
func TestVerificationWithoutKeys(t *testing.T) {
	signed := func(kind, name, more string) string {
		return fmt.Sprintf(`{apiVersion: source.toolkit.fluxcd.io/v1, kind: %s, metadata: {name: %s, namespace: flux-system}, spec: {interval: 1h, %s}}`, kind, name, more)
	}
	keys := func(provider string) string { return "verify: {provider: " + provider + ", secretRef: {name: absent}}" }
	base := map[string]string{
		"clusters/git.yaml":      gitRepository("git", "verify: {mode: HEAD, secretRef: {name: absent}}"),
		"clusters/oci.yaml":      signed("OCIRepository", "oci", `url: "oci://registry.test/manifests", `+keys("cosign")),
		"clusters/registry.yaml": signed("HelmRepository", "registry", `type: oci, url: "oci://registry.test/charts"`),
		"clusters/chart.yaml":    signed("HelmChart", "chart", "chart: app, sourceRef: {kind: HelmRepository, name: registry}, "+keys("notation")),
	}
	step := simulate.StepInput{Settings: render.Settings{Complete: true}}
	result := replay(t, server(t), simulate.Options{Releases: releases.New(), Steps: []simulate.StepInput{step}}, base)
	got := map[string]string{}
	for _, owner := range result.Steps[0].Owners {
		got[owner.Ref.String()] = owner.Ready.Status + " " + owner.Ready.Reason + " " + owner.Ready.Message
	}
	want := map[string]string{
		"GitRepository/flux-system/git": `False VerificationError public keys secret error: secrets "absent" not found`,
		"OCIRepository/flux-system/oci": `False VerificationError failed to verify the signature using provider 'cosign': secrets "absent" not found`,
		"HelmChart/flux-system/chart":   `False VerificationError failed to verify the signature using provider 'notation': secrets "absent" not found`,
	}
	for ref, ready := range want {
		if got[ref] != ready {
			t.Errorf("%s is %q, want %q", ref, got[ref], ready)
		}
	}
}
