package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// settings is how the controllers of a cluster run: as the user says, else as
// the repository says. Flags of the configuration come after those of the
// repository.
func (p *project) settings(ctx context.Context, c *cluster) error {
	s := render.DefaultSettings()
	version, err := p.fluxVersion()
	if err != nil {
		return err
	}
	c.problems = nil
	if in, ok := p.settingsInput(ctx, c); ok {
		in.Version = cmp.Or(version, c.assumedVersion)
		s, c.problems = kustomization.Settings(s, in)
		c.versionKnown = s.FluxVersion != ""
		if !c.versionKnown && c.guess() != schemas.FluxVersion {
			in.Version = c.guess()
			s, c.problems = kustomization.Settings(render.DefaultSettings(), in)
		}
		s.FluxVersion = cmp.Or(s.FluxVersion, schemas.FluxVersion)
		c.entry.Seeds = kustomization.Seeds(c.entry.Seeds, in)
	} else {
		s = s.For(cmp.Or(version, c.assumedVersion, schemas.FluxVersion))
		c.versionKnown = true
	}
	if !servable(s.FluxVersion) {
		return usagef("cluster %s runs Flux %q; known are %s: choose one with --flux-version", c.entry.Name, s.FluxVersion, knownVersions())
	}
	if s, err = p.configured(s); err != nil {
		return err
	}
	s.Complete = p.config.Rehearsal.Environment == bareServer
	s.Assumed = append(s.Assumed, c.assumed...)
	if c.assumedExternal {
		s.ExternalArtifact, s.HelmExternalArtifact = true, true
	}
	c.settings = s
	return nil
}

// fluxVersion is the minor that the user says, empty when nothing does.
func (p *project) fluxVersion() (string, error) {
	version := ""
	for _, v := range []string{p.config.FluxVersion, p.opt.flux} {
		if v == "" {
			continue
		}
		if version = minor(v); !servable(version) {
			return "", usagef("Flux %q is not a version that this program knows: it knows %s", v, knownVersions())
		}
	}
	return version, nil
}

func knownVersions() string {
	all := schemas.FluxVersions()
	return all[0] + " to " + all[len(all)-1]
}

// configured adds the flags of the configuration file.
func (p *project) configured(s render.Settings) (render.Settings, error) {
	for _, c := range []struct {
		controller string
		args       []string
	}{{"kustomize-controller", p.config.Controllers.Kustomize}, {"helm-controller", p.config.Controllers.Helm}} {
		var problems []finding.Problem
		s, problems = kustomization.Flags(s, c.controller, c.args)
		if len(problems) > 0 {
			return s, usagef("--config %s: %s", p.opt.config, problems[0].Message)
		}
	}
	if p.config.Controllers.SourceWatcher {
		s.ExternalArtifact, s.HelmExternalArtifact = true, true
	}
	return s, nil
}

// settingsInput is where the repository says how its controllers run.
func (p *project) settingsInput(ctx context.Context, c *cluster) (kustomization.SettingsInput, bool) {
	in := kustomization.SettingsInput{
		Tree: c.tree, Folder: path.Join(c.entry.Dir, "flux-system"), Overlay: c.entry.Overlay,
		Instance: c.entry.Instance, InstanceField: c.entry.InstanceField, Minors: schemas.FluxVersions(),
	}
	for _, seed := range c.entry.Seeds {
		u := &unstructured.Unstructured{Object: seed.Object}
		if render.RefOf(u) != c.entry.Source {
			continue
		}
		a, failure := c.sources.Artifact(ctx, u, nil)
		if failure != nil {
			return in, in.Instance != nil
		}
		dir, err := c.sources.Dir(a)
		if err != nil {
			return in, in.Instance != nil
		}
		in.Root = dir
		return in, true
	}
	return in, in.Instance != nil
}

// minor reduces a version of Flux to its minor: v2.9.3 to 2.9.
func minor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

// servable reports whether a version is one that this program knows.
func servable(minor string) bool { return slices.Contains(schemas.FluxVersions(), minor) }

// assume adapts what neither the user nor the repository says to what the
// objects of the cluster need. It reports whether that is something else than
// the cluster was played with.
func (p *project) assume(ctx context.Context, c *cluster) (bool, error) {
	played, known := c.settings.FluxVersion, c.versionKnown
	if assumeVersion(c) {
		if err := p.settings(ctx, c); err != nil {
			return false, err
		}
	}
	if !known {
		p.nearest = cmp.Or(c.assumedVersion, schemas.FluxVersion)
	}
	if assumeExternal(c) { // what this Flux has
		return true, p.settings(ctx, c)
	}
	return c.settings.FluxVersion != played, nil
}

// supposed lets a cluster be played first with the Flux that another one of the
// repository needs, where nothing names one.
func (p *project) supposed(ctx context.Context, c *cluster) error {
	if c.versionKnown || p.nearest == "" || p.nearest == c.settings.FluxVersion {
		return nil
	}
	c.guessed = p.nearest
	return p.settings(ctx, c)
}

// guess is the Flux that a cluster is played with first where nothing names one.
// What the files of the repository say is not always of this cluster, so what is
// found out then counts, but it is mostly the same.
func (c *cluster) guess() string {
	if c.guessed != "" {
		return c.guessed
	}
	var gvks []schema.GroupVersionKind
	for _, d := range c.tree.FluxDocuments() {
		gvks = append(gvks, schema.FromAPIVersionAndKind(d.Text("/apiVersion"), d.Text("/kind")))
	}
	c.guessed = schemas.NewestFlux(gvks)
	return c.guessed
}

// assumeExternal switches ExternalArtifact on where the cluster has a generator
// of them and nothing says how its controllers run.
func assumeExternal(c *cluster) bool {
	if c.settings.ExternalArtifact || c.settings.Declared || c.settings.Complete || !c.settings.Since(7) {
		return false
	}
	for _, o := range c.world.Objects() {
		ref := o.Ref()
		if ref.Kind != "ArtifactGenerator" || ref.Group != "source.extensions.fluxcd.io" {
			continue
		}
		c.assumedExternal = true
		c.assumed = append(c.assumed, repo.Assumption{
			Text: fmt.Sprintf("source-watcher runs and the feature gate ExternalArtifact is on, since %s needs them", ref),
			Pos:  o.At(""),
		})
		return true
	}
	return false
}

// assumeVersion picks the Flux nearest to the newest that serves every API
// version that the cluster's objects use, where neither the user nor the
// repository names one.
func assumeVersion(c *cluster) bool {
	if c.versionKnown {
		return false
	}
	var gvks []schema.GroupVersionKind
	for _, o := range c.world.Objects() {
		gvks = append(gvks, o.GroupVersionKind())
	}
	nearest := schemas.NewestFlux(gvks)
	if nearest == schemas.FluxVersion {
		c.guessed = nearest
		return c.settings.FluxVersion != nearest
	}
	c.assumedVersion = nearest
	for _, o := range c.world.Objects() {
		gvk := o.GroupVersionKind()
		if schemas.NewestFlux([]schema.GroupVersionKind{gvk}) == nearest {
			c.assumed = append(c.assumed, repo.Assumption{
				Text: fmt.Sprintf("Flux %s runs, as it serves %s %s", nearest, gvk.GroupVersion(), gvk.Kind), Pos: o.At("/apiVersion"),
			})
			break
		}
	}
	return true
}
