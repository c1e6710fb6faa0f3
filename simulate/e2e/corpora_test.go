package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Real repositories are replayed on an imitated cluster: those that CORPORA
// names, by default a small one. A second reconciliation changes nothing.
func TestCorpora(t *testing.T) {
	folder := beside.Folder(t, "conformance")
	names := []string{"flux2-kustomize-helm-example"}
	if v := os.Getenv("CORPORA"); v != "" {
		names = strings.Split(v, ",")
	}
	for _, name := range names {
		dir := filepath.Join(filepath.Dir(folder), "corpora", name)
		if _, err := os.Stat(dir); err != nil {
			t.Skipf("the repository %s is not next to this module: it is not replayed", name)
		}
		tree, err := repo.Folder(filepath.Join(dir, "repo"))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := tree.Entries(repo.EntryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			t.Run(name+"/"+e.Name, func(t *testing.T) { replayCorpus(t, dir, tree, e, folder) })
		}
	}
}

func replayCorpus(t *testing.T, dir string, tree *repo.Tree, e repo.Entry, folder string) {
	sources, err := source.LoadMap(filepath.Join(dir, "sources.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Overlay) > 0 {
		tree = tree.Overlay(e.Overlay)
	}
	set := source.New(source.Options{Tree: tree, Self: e.Source, Map: sources, Workdir: t.TempDir(), Revision: commits["base"]})
	settings := render.DefaultSettings()
	settings.ExternalArtifact = true
	in := simulate.StepInput{
		Name: "base", Entry: e, Sources: set, Settings: settings,
		Renderers: []render.Renderer{kustomization.New(kustomization.Options{Dir: set.Dir, HTTP: sources.HTTP}), artifactgenerator.New(),
			helmrelease.New(helmrelease.Options{HTTP: sources.HTTP})},
	}
	again := in
	again.Name, again.Resync = "resync", true
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	config := server(t)
	start := time.Now()
	result, err := simulate.Run(ctx, simulate.Options{
		Config: config, FluxCRDs: objects(t, filepath.Join(folder, "crds")), Releases: releases.New(), States: true,
		Emulate: simulate.RealCluster(), Steps: []simulate.StepInput{in, again},
		Produced: render.ProducedBy,
		Progress: func(m string) {
			if os.Getenv("TRACE") != "" {
				t.Log(time.Since(start).Round(time.Millisecond), m)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("replayed in %s: %d objects", time.Since(start).Round(time.Millisecond), len(result.States[0]))
	for _, o := range result.Steps[0].Owners {
		if o.State != render.Rendered {
			t.Logf("%s %s %s: %s", o.State, o.Ref, o.Ready.Reason, o.Ready.Message)
		}
	}
	for _, n := range result.Steps[0].Notes {
		t.Log("note:", n)
	}
	if d := cmp.Diff(result.States[0], result.States[1]); d != "" {
		t.Errorf("a second reconciliation changes the cluster:\n%s", d)
	}
}
