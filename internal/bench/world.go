package main

import (
	"context"
	"fmt"
	"path"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// place is a repository and what it is rendered with.
type place struct {
	tree      *repo.Tree
	path      string // its folder, may be empty
	sourceMap string // file, may be empty
	entries   []string
	work      string // folder for what sources write
	noCharts  bool   // HelmReleases stay as they are
}

// worlds renders every cluster of a repository in this process.
func worlds(ctx context.Context, p place) ([]*render.World, error) {
	var m *source.Map
	if p.sourceMap != "" {
		var err error
		if m, err = source.LoadMap(p.sourceMap); err != nil {
			return nil, err
		}
	}
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		return nil, err
	}
	entries, err := p.tree.Entries(repo.EntryOptions{Explicit: p.entries})
	if err != nil {
		return nil, err
	}
	var out []*render.World
	for _, e := range entries {
		c := cluster{place: p, entry: e, tree: p.tree.Overlay(e.Overlay), sourceMap: m, catalog: catalog}
		w, err := c.render(ctx)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", e.Name, err)
		}
		out = append(out, w)
	}
	return out, nil
}

// cluster is one cluster of a repository.
type cluster struct {
	place
	entry     repo.Entry
	tree      *repo.Tree
	sourceMap *source.Map
	catalog   *schemas.Catalog
}

func (c cluster) render(ctx context.Context) (*render.World, error) {
	sources := source.New(source.Options{
		Tree: c.tree, Path: c.path, Self: c.entry.Source, SelfURLs: c.tree.Remotes(), Map: c.sourceMap, Workdir: c.work,
	})
	settings := c.settings(ctx, sources)
	settings.ExternalArtifact = true
	extra, err := c.extra()
	if err != nil {
		return nil, err
	}
	renderers := []render.Renderer{
		artifactgenerator.New(),
		kustomization.New(kustomization.Options{Dir: sources.Dir, HTTP: c.sourceMap.HTTP}),
	}
	if !c.noCharts {
		renderers = append(renderers, helmrelease.New(helmrelease.Options{
			HTTP:       c.sourceMap.HTTP,
			Namespaced: func(gvk schema.GroupVersionKind) (bool, bool) { return c.catalog.Namespaced(gvk.GroupKind()) },
		}))
	}
	return render.Run(ctx, render.Plan{
		Entry: c.entry, Tree: c.tree, Settings: settings, Extra: extra, Sources: sources, Workers: 2, Renderers: renderers,
		Baseline: render.Capabilities{KubeVersion: settings.KubeVersion, APIVersions: c.catalog.APIVersions()},
	})
}

// settings reads how the controllers run, where the repository says so.
func (c *cluster) settings(ctx context.Context, sources *source.Set) render.Settings {
	s := render.DefaultSettings()
	for _, seed := range c.entry.Seeds {
		u := &unstructured.Unstructured{Object: seed.Object}
		if render.RefOf(u) != c.entry.Source {
			continue
		}
		a, failure := sources.Artifact(ctx, u, nil)
		if failure != nil {
			return s
		}
		dir, err := sources.Dir(a)
		if err != nil {
			return s
		}
		in := kustomization.SettingsInput{Tree: c.tree, Root: dir, Folder: path.Join(c.entry.Dir, "flux-system"), Overlay: c.entry.Overlay}
		s, _ = kustomization.Settings(s, in)
		c.entry.Seeds = kustomization.Seeds(c.entry.Seeds, in)
		return s
	}
	return s
}

// extra reads the objects that only the cluster has.
func (c cluster) extra() ([]repo.Seed, error) {
	var out []repo.Seed
	for _, name := range c.sourceMap.Objects(c.entry.Name) {
		f, err := repo.ObjectFile(name, name)
		if err != nil {
			return nil, err
		}
		list, err := f.Objects()
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}
