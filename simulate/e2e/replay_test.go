package e2e

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/controlplane"
	"github.com/flux-rehearse/flux-rehearse/source"
)

func revision(t *testing.T, name string, tree map[string]string) simulate.StepInput {
	t.Helper()
	self := finding.Ref{Group: "source.toolkit.fluxcd.io", Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}
	set := source.New(source.Options{Tree: repo.FromFiles(tree), Self: self, SelfURLs: []string{"https://git.test/flux-system"},
		Workdir: t.TempDir(), Revision: commits[name]})
	return simulate.StepInput{
		Name: name, Entry: recordedCase{Path: "./clusters"}.entry(self), Sources: set, Settings: render.DefaultSettings(),
		Renderers: []render.Renderer{kustomization.New(kustomization.Options{Dir: set.Dir})},
	}
}

// edit is an object that kubectl writes.
func edit(t *testing.T, text string) simulate.Edit { return written(t, text)[0] }

// written are objects that kubectl writes.
func written(t *testing.T, text string) []simulate.Edit {
	t.Helper()
	var out []simulate.Edit
	for _, d := range repo.FromFiles(map[string]string{"edits.yaml": text}).Documents() {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, simulate.Edit{Object: &unstructured.Unstructured{Object: m}, Manager: "kubectl"})
	}
	return out
}

// replayed replays revisions of a repository as in a real cluster.
func replayed(t *testing.T, o simulate.Options, trees ...map[string]string) []simulate.Step {
	t.Helper()
	return played(t, o, trees...).Steps
}

func played(t *testing.T, o simulate.Options, trees ...map[string]string) simulate.Result {
	t.Helper()
	o.Emulate = simulate.RealCluster()
	return replay(t, server(t), o, trees...)
}

// replay replays revisions of a repository on a server, one after the other. The
// steps of o say what comes with a revision: edits, an order, further renderers.
func replay(t *testing.T, config *rest.Config, o simulate.Options, trees ...map[string]string) simulate.Result {
	t.Helper()
	o.Config, o.FluxCRDs, o.Usage = config, objects(t, beside.Folder(t, "conformance")+"/crds"), controlplane.Usage
	with := append(o.Steps, make([]simulate.StepInput, len(trees))...)
	o.Steps = nil
	for i, tree := range trees {
		name := with[i].Name
		if name == "" {
			name = []string{"base", "head"}[i]
		}
		step := revision(t, name, tree)
		if o.Releases != nil {
			step.Renderers = append(step.Renderers, helmrelease.New(helmrelease.Options{}))
		}
		step.Renderers = append(step.Renderers, with[i].Renderers...)
		step.Order, step.Apply, step.Resync, step.Settings.Complete = with[i].Order, with[i].Apply, with[i].Resync, with[i].Settings.Complete
		step.Settings.ExternalArtifact = with[i].Settings.ExternalArtifact
		o.Steps = append(o.Steps, step)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	result, err := simulate.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
