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
)

// A generator writes its artifacts one after the other. Who takes a later one
// sees those at work that took an earlier one and that it depends on, and waits
// for them; who takes an earlier one finds them ready as they were.
func TestArtifactsWakeInTurn(t *testing.T) {
	external := func(name, source, needs string) string {
		more := strings.Replace("dependsOn: [{name: NEEDS}],", "NEEDS", needs, 1)
		if needs == "" {
			more = ""
		}
		return strings.Replace(child(name, more), "kind: GitRepository, name: flux-system}}", "kind: ExternalArtifact, name: "+source+"}}", 1)
	}
	tree := map[string]string{
		"infra/operators/a.yaml": configMap("operators", "one"), "infra/settings/a.yaml": configMap("settings", "one"), "apps/app/a.yaml": configMap("app", "one"),
		"clusters/a.yaml": external("operators", "infra", ""), "clusters/b.yaml": external("settings", "infra", "operators"), "clusters/c.yaml": external("app", "apps", "settings"),
		"clusters/d.yaml": external("web", "apps", "settings"), "apps/web/a.yaml": configMap("web", "one"),
	}
	change := map[string]string{
		"infra/operators/a.yaml": strings.Replace(configMap("operators", "two"), "default", "nowhere", 1),
		"apps/app/a.yaml":        configMap("app", "two"), "apps/web/a.yaml": configMap("web", "two"),
	}
	for order, want := range map[string]string{"infra apps": "False DependencyNotReady", "apps infra": "True ReconciliationSucceeded"} {
		base := maps.Clone(tree)
		base["clusters/generator.yaml"] = generator(strings.Fields(order))
		head := maps.Clone(base)
		maps.Copy(head, change)
		step := simulate.StepInput{Settings: render.Settings{Complete: true, ExternalArtifact: true}, Renderers: []render.Renderer{artifactgenerator.New()}}
		result := replay(t, server(t), simulate.Options{Emulate: simulate.RealCluster(), Steps: []simulate.StepInput{step, step}}, base, head)
		for i, want := range []string{"True ReconciliationSucceeded", want} {
			for _, name := range []string{"app", "web"} {
				if d := cmp.Diff(want, states(result.Steps[i])["Kustomization/"+name]); d != "" {
					t.Errorf("%s: %s: %s (-want +got):\n%s", order, result.Steps[i].Name, name, d)
				}
			}
		}
	}
}

func generator(folders []string) string {
	var artifacts []string
	for _, f := range folders {
		artifacts = append(artifacts, fmt.Sprintf(`{name: %[1]s, copy: [{from: "@all/%[1]s/**", to: "@artifact/"}]}`, f))
	}
	return `{apiVersion: source.extensions.fluxcd.io/v1beta1, kind: ArtifactGenerator, metadata: {name: parts, namespace: flux-system},
spec: {sources: [{alias: all, kind: GitRepository, name: flux-system}], artifacts: [` + strings.Join(artifacts, ", ") + `]}}`
}
