package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"hash"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/temporary"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/render/fluxinstance"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/resourceset"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// project is what the revisions of one run share.
type project struct {
	opt     *options
	config  config
	catalog *schemas.Catalog
	cache   *render.Cache
	charts  *helmrelease.Memory
	nearest string // the Flux that the cluster rendered last was found to run, empty when that was known
	work    *temporary.Folder
	live    []repo.Seed // objects of the running clusters, as --live gives them
	// recorded are input providers with what services answered them.
	recorded []*unstructured.Unstructured
	keys     sops.Keys
	// rendered is called each time that a cluster was rendered, perhaps not for the
	// last time; it may be nil.
	rendered func(*cluster)
}

// revision is a Tree and the clusters that it describes.
type revision struct {
	name     string // as the user calls it: main, the working tree
	tree     *repo.Tree
	clusters []*cluster

	sources   *source.Set // of the first cluster; the others share what it has read
	renderers []render.Renderer
	sourceMap *source.Map
	commit    string // that the sources report, empty for that of the tree
}

// cluster is one Entry of a revision, ready to be rendered or replayed.
type cluster struct {
	revision *revision
	entry    repo.Entry
	tree     *repo.Tree // with what bootstrap writes over placeholders
	settings render.Settings
	// versionKnown is set when the user or the repository names the version of Flux.
	versionKnown bool
	// What the objects of the cluster need and nothing says.
	assumedVersion  string
	guessed         string // the Flux that it is played with first, where nothing names one
	assumedExternal bool
	assumed         []repo.Assumption
	problems        []finding.Problem // in how its controllers are set up
	sources         *source.Set
	extra           []repo.Seed          // what the cluster holds besides
	invented        map[finding.Ref]bool // those of extra whose values are made up
	world           *render.World
	catalog         *schemas.Catalog
	withheld        []string // API versions that a chart brings only where they are not served
}

func openProject(opt *options) (*project, error) {
	c, err := loadConfig(opt.config, opt.path)
	if err != nil {
		return nil, err
	}
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		return nil, fmt.Errorf("read the built-in schemas: %w", err)
	}
	recorded, err := c.objects(c.Inputs)
	if err != nil {
		return nil, err
	}
	keys, err := opt.decryptionKeys()
	if err != nil {
		return nil, err
	}
	work, err := temporary.New("", "flux-rehearse-work-*")
	if err != nil {
		return nil, fmt.Errorf("%w: free some space in the folder for temporary files, or set TMPDIR to another one", err)
	}
	return &project{opt: opt, config: c, catalog: catalog, cache: render.NewCache(catalog.Default), charts: helmrelease.NewMemory(), work: work, recorded: plainObjects(recorded), keys: keys}, nil
}

func (p *project) close() { _ = p.work.Remove() }

// head opens the folder as it is. When that has other content than the commit
// that it is on, and base is that commit, its sources report another commit, as
// they will when the change is committed.
func (p *project) head(ctx context.Context, base *revision) (*revision, error) {
	tree, err := repo.Folder(p.opt.path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.opt.path, err)
	}
	r := &revision{name: "the folder", tree: tree}
	if tree.Commit() != "" {
		r.name = "the working tree"
	}
	if base != nil && base.tree.Commit() == tree.Commit() {
		r.commit = uncommitted(base.tree, tree)
	}
	return r, p.open(ctx, r, p.opt.sourceMap)
}

// at opens a git revision.
func (p *project) at(ctx context.Context, rev, sourceMap string) (*revision, error) {
	tree, err := repo.Revision(ctx, p.opt.path, rev)
	if err != nil {
		return nil, usageError{err}
	}
	r := &revision{name: rev, tree: tree}
	return r, p.open(ctx, r, sourceMap)
}

// uncommitted stands for the commit that a changed tree will be, empty when the
// trees are equal.
func uncommitted(base, head *repo.Tree) string {
	sums := [2]hash.Hash{sha1.New(), sha1.New()}
	for i, t := range []*repo.Tree{base, head} {
		for _, f := range t.Files() {
			data, err := f.Data()
			fmt.Fprintf(sums[i], "%s %o %s %v %d\n", f.Path, f.Mode&0o111, f.Link, err != nil, len(data))
			sums[i].Write(data)
		}
	}
	if bytes.Equal(sums[0].Sum(nil), sums[1].Sum(nil)) {
		return ""
	}
	return hex.EncodeToString(sums[1].Sum(nil))
}

// open finds the clusters of a revision and prepares them.
func (p *project) open(ctx context.Context, r *revision, sourceMap string) error {
	if sourceMap != "" {
		var err error
		if r.sourceMap, err = source.LoadMap(sourceMap); err != nil {
			return yamlError(err)
		}
	}
	entries, err := p.entries(r.tree)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if len(p.opt.clusters) > 0 && !slices.Contains(p.opt.clusters, e.Name) {
			continue
		}
		c, err := p.cluster(ctx, r, e)
		if err != nil {
			return err
		}
		r.clusters = append(r.clusters, c)
	}
	if len(r.clusters) == 0 {
		return usagef("no cluster %s in this repository; it has %s", quoted(p.opt.clusters), quoted(names(entries)))
	}
	return nil
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
func (p *project) cluster(ctx context.Context, r *revision, e repo.Entry) (*cluster, error) {
	c := &cluster{revision: r, entry: e, tree: r.tree.Overlay(e.Overlay)}
	if r.sources == nil {
		r.sources = source.New(source.Options{
			Tree: c.tree, Path: p.opt.path, Self: e.Source, SelfURLs: r.tree.Remotes(),
			Map: r.sourceMap, Workdir: p.work.Path, Revision: r.commit,
		})
		r.renderers = p.renderers(r)
	}
	c.sources = r.sources.For(c.tree, e.Source)
	err := p.settings(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := c.readMapped(p.opt.path); err != nil {
		return nil, err
	}
	own, err := p.config.objects(p.config.Cluster)
	if err != nil {
		return nil, err
	}
	for _, u := range plainObjects(own) {
		delete(c.invented, render.RefOf(u))
	}
	c.extra = append(append(c.extra, own...), renderInputs(p.live)...)
	return c, nil
}

// readMapped reads the objects of the source map, which those of the
// configuration replace.
func (c *cluster) readMapped(root string) error {
	c.invented = map[finding.Ref]bool{}
	m := c.revision.sourceMap
	for _, name := range m.Objects(c.entry.Name) {
		list, err := readObjects(name, root)
		if err != nil {
			return err
		}
		for _, u := range plainObjects(list) {
			c.invented[render.RefOf(u)] = m.Invented(render.RefOf(u))
		}
		c.extra = append(c.extra, list...)
	}
	return nil
}

func (p *project) renderers(r *revision) []render.Renderer {
	remote := func(url string) (string, bool) {
		if r.sourceMap == nil {
			return "", false
		}
		return r.sourceMap.HTTP(url)
	}
	providers := inputprovider.New(inputprovider.Options{Recorded: slices.Concat(plainObjects(p.live), p.recorded)})
	all := []render.Renderer{
		artifactgenerator.New(), fluxinstance.New(), providers, resourceset.New(providers),
		kustomization.New(kustomization.Options{Dir: r.sources.Dir, HTTP: remote, Git: r.sources.Remote, Keys: p.keys, Reveal: p.opt.secrets.add}),
		helmrelease.New(helmrelease.Options{HTTP: remote, Memory: p.charts, Namespaced: func(gvk schema.GroupVersionKind) (bool, bool) {
			return p.catalog.Namespaced(gvk.GroupKind())
		}}),
	}
	for i, one := range all {
		all[i] = p.opt.work.watch(one)
	}
	return all
}

// render plays every cluster of a revision forward.
func (p *project) render(ctx context.Context, r *revision) error {
	if r == nil {
		return nil
	}
	var renderers []render.Renderer
	for _, one := range r.renderers {
		renderers = append(renderers, p.cache.Wrap(one))
	}
	for _, c := range r.clusters {
		if err := p.supposed(ctx, c); err != nil {
			return err
		}
		if err := p.play(ctx, c, renderers); err != nil {
			return err
		}
		again, err := p.assume(ctx, c)
		if err != nil {
			return err
		}
		if again {
			if err := p.play(ctx, c, renderers); err != nil {
				return err
			}
		}
	}
	return nil
}

// crds returns the CRDs that a World applies.
func crds(w *render.World) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range definitions(w) {
		out = append(out, o.Unstructured)
	}
	return out
}

// definitions returns the CRDs that a World applies, with their stories.
func definitions(w *render.World) []*render.Object {
	return slices.DeleteFunc(w.Objects(), func(o *render.Object) bool {
		ref := o.Ref()
		return ref.Group != "apiextensions.k8s.io" || ref.Kind != "CustomResourceDefinition"
	})
}
