package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// project is what the revisions of one run share.
type project struct {
	opt     *options
	config  config
	catalog *schemas.Catalog
	workdir string
}

// revision is a Tree and the clusters that it describes.
type revision struct {
	name     string // as the user calls it: main, the working tree
	tree     *repo.Tree
	clusters []*cluster
}

// cluster is one Entry of a revision, ready to be rendered or replayed.
type cluster struct {
	entry    repo.Entry
	tree     *repo.Tree // with what bootstrap writes over placeholders
	settings render.Settings
	// versionKnown is set when the user or the repository names the version of Flux.
	versionKnown bool
	sources      *source.Set
	extra        []*unstructured.Unstructured
	renderers    []render.Renderer
	world        *render.World
	catalog      *schemas.Catalog
}

func openProject(opt *options) (*project, error) {
	c, err := loadConfig(opt.config)
	if err != nil {
		return nil, err
	}
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		return nil, fmt.Errorf("read the built-in schemas: %w", err)
	}
	workdir, err := os.MkdirTemp("", "flux-rehearse-")
	if err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	return &project{opt: opt, config: c, catalog: catalog, workdir: workdir}, nil
}

func (p *project) close() { _ = os.RemoveAll(p.workdir) }

// head opens the folder as it is.
func (p *project) head(ctx context.Context) (*revision, error) {
	tree, err := repo.Folder(p.opt.path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.opt.path, err)
	}
	name := "the folder"
	if tree.Commit() != "" {
		name = "the working tree"
	}
	return p.revision(ctx, tree, name, p.opt.sourceMap)
}

// at opens a git revision.
func (p *project) at(ctx context.Context, rev, sourceMap string) (*revision, error) {
	tree, err := repo.Revision(ctx, p.opt.path, rev)
	if err != nil {
		return nil, usageError{err}
	}
	return p.revision(ctx, tree, rev, sourceMap)
}

func (p *project) revision(ctx context.Context, tree *repo.Tree, name, sourceMap string) (*revision, error) {
	var m *source.Map
	if sourceMap != "" {
		var err error
		if m, err = source.LoadMap(sourceMap); err != nil {
			return nil, yamlError(err)
		}
	}
	entries, err := p.entries(tree)
	if err != nil {
		return nil, err
	}
	r := &revision{name: name, tree: tree}
	for _, e := range entries {
		if len(p.opt.clusters) > 0 && !slices.Contains(p.opt.clusters, e.Name) {
			continue
		}
		c, err := p.cluster(ctx, tree, e, m)
		if err != nil {
			return nil, err
		}
		r.clusters = append(r.clusters, c)
	}
	if len(r.clusters) == 0 {
		return nil, usagef("no cluster %s in this repository; it has %s", quoted(p.opt.clusters), quoted(names(entries)))
	}
	return r, nil
}

func names(entries []repo.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return out
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%q", s))
	}
	return strings.Join(out, ", ")
}

// entries finds the clusters of a tree. A configuration that lists what
// bootstrap applies stands for the only one.
func (p *project) entries(tree *repo.Tree) ([]repo.Entry, error) {
	if len(p.config.Bootstrap) > 0 {
		return []repo.Entry{bootstrapEntry(p.config.Bootstrap)}, nil
	}
	entries, err := tree.Entries(repo.EntryOptions{Explicit: p.opt.entries})
	if err != nil {
		return nil, usageError{err} // all of them say what to type
	}
	return entries, nil
}

func bootstrapEntry(objects []map[string]any) repo.Entry {
	e := repo.Entry{Name: "bootstrap", Found: "config"}
	for _, o := range objects {
		u := &unstructured.Unstructured{Object: o}
		ref := render.RefOf(u)
		if ref.Group == "kustomize.toolkit.fluxcd.io" {
			e.Root = ref
			e.Dir, _, _ = unstructured.NestedString(o, "spec", "path")
			e.Dir = filepath.ToSlash(filepath.Clean(e.Dir))
		} else if e.Source.IsZero() {
			e.Source = ref
		}
		e.Seeds = append(e.Seeds, repo.Seed{Object: o})
	}
	return e
}

// cluster prepares an entry: what bootstrap writes, how the controllers run,
// where sources are.
func (p *project) cluster(ctx context.Context, tree *repo.Tree, e repo.Entry, m *source.Map) (*cluster, error) {
	c := &cluster{entry: e, tree: tree.Overlay(e.Overlay)}
	c.sources = source.New(source.Options{
		Tree: c.tree, Path: p.opt.path, Self: e.Source, SelfURLs: tree.Remotes(), Map: m, Workdir: p.workdir,
	})
	var err error
	if c.settings, err = p.settings(ctx, c); err != nil {
		return nil, err
	}
	extra, err := p.config.objects(p.config.Cluster)
	if err != nil {
		return nil, err
	}
	c.extra = extra
	if m != nil {
		for _, name := range m.Objects(e.Name) {
			list, err := readObjects(name)
			if err != nil {
				return nil, err
			}
			c.extra = append(c.extra, list...)
		}
	}
	c.renderers = p.renderers(c.sources, m)
	return c, nil
}

func (p *project) renderers(sources *source.Set, m *source.Map) []render.Renderer {
	remote := func(url string) (string, bool) {
		if m == nil {
			return "", false
		}
		return m.HTTP(url)
	}
	return []render.Renderer{
		artifactgenerator.New(),
		kustomization.New(kustomization.Options{Dir: sources.Dir, HTTP: remote}),
		helmrelease.New(helmrelease.Options{HTTP: remote, Namespaced: func(gvk schema.GroupVersionKind) (bool, bool) {
			return p.catalog.Namespaced(gvk.GroupKind())
		}}),
	}
}

// render plays every cluster of a revision forward.
func (p *project) render(ctx context.Context, r *revision) error {
	if r == nil {
		return nil
	}
	for _, c := range r.clusters {
		if err := p.play(ctx, c); err != nil {
			return err
		}
		if assumeVersion(c) {
			if err := p.play(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *project) play(ctx context.Context, c *cluster) error {
	catalog, err := schemas.New(schemas.Options{KubeVersion: c.settings.KubeVersion, FluxVersion: c.settings.FluxVersion})
	if err != nil {
		return fmt.Errorf("read the built-in schemas: %w", err)
	}
	w, err := render.Run(ctx, render.Plan{
		Entry: c.entry, Tree: c.tree, Settings: c.settings, Extra: c.extra,
		Baseline:  render.Capabilities{KubeVersion: c.settings.KubeVersion, APIVersions: catalog.APIVersions()},
		Renderers: c.renderers, Sources: c.sources, Workers: p.opt.workers,
	})
	if err != nil {
		return err
	}
	c.world = w
	c.catalog = catalog.With(crds(w))
	return nil
}

// crds returns the CRDs that a World applies.
func crds(w *render.World) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range w.Objects() {
		if ref := o.Ref(); ref.Group == "apiextensions.k8s.io" && ref.Kind == "CustomResourceDefinition" {
			out = append(out, o.Unstructured)
		}
	}
	return out
}

// producedBy is what the replay asks about Secrets that other controllers make.
func producedBy(u *unstructured.Unstructured) (finding.Ref, bool) {
	return render.ProducedBy(&render.Object{Unstructured: u})
}
