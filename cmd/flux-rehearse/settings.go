package main

import (
	"context"
	"fmt"
	"path"
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
// the repository says, else as its objects need.
func (p *project) settings(ctx context.Context, c *cluster) (render.Settings, error) {
	s := render.DefaultSettings()
	s.FluxVersion = ""
	if in, ok := p.settingsInput(ctx, c); ok {
		// What cannot be read there fails in the render of the folder, too.
		s, _ = kustomization.Settings(s, in)
		c.entry.Seeds = kustomization.Seeds(c.entry.Seeds, in)
	}
	if c.versionKnown = s.FluxVersion != ""; !c.versionKnown {
		s.FluxVersion = schemas.FluxVersion
	}
	s = assumeExternal(s, c)
	for _, v := range []string{p.config.FluxVersion, p.opt.flux} {
		if v == "" {
			continue
		}
		v = minor(v)
		if !servable(v) {
			return s, usagef("Flux %q is not a version between 2.0 and %s", v, schemas.FluxVersion)
		}
		s, c.versionKnown = s.For(v), true
	}
	s = kustomization.Flags(s, "kustomize-controller", p.config.Controllers.Kustomize)
	s = kustomization.Flags(s, "helm-controller", p.config.Controllers.Helm)
	s.ExternalArtifact = s.ExternalArtifact || p.config.Controllers.SourceWatcher
	s.Complete = p.config.Rehearsal.Environment == "server"
	return s, nil
}

// settingsInput is where the repository says how its controllers run.
func (p *project) settingsInput(ctx context.Context, c *cluster) (kustomization.SettingsInput, bool) {
	in := kustomization.SettingsInput{Tree: c.tree, Folder: path.Join(c.entry.Dir, "flux-system"), Overlay: c.entry.Overlay}
	for _, d := range c.tree.Documents() {
		ref, ok := d.Ref()
		if ok && ref.Kind == "FluxInstance" && ref.Group == "fluxcd.controlplane.io" && d.File.Path == c.entry.Pos.File {
			in.Instance = d
		}
	}
	for _, seed := range c.entry.Seeds {
		u := &unstructured.Unstructured{Object: seed.Object}
		if render.RefOf(u) != c.entry.Source {
			continue
		}
		a, failure := c.sources.Artifact(ctx, u, nil)
		if failure != nil {
			return in, false
		}
		dir, err := c.sources.Dir(a)
		if err != nil {
			return in, false
		}
		in.Root = dir
		return in, true
	}
	return in, false
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
func servable(minor string) bool {
	var have, newest int
	if n, err := fmt.Sscanf(minor, "2.%d", &have); n != 1 || err != nil {
		return false
	}
	if _, err := fmt.Sscanf(schemas.FluxVersion, "2.%d", &newest); err != nil {
		return false
	}
	return have <= newest
}

// assumeExternal switches ExternalArtifact on where the repository has a
// generator of them and does not say how its controllers run.
func assumeExternal(s render.Settings, c *cluster) render.Settings {
	if s.ExternalArtifact {
		return s
	}
	var found *repo.Document
	for _, d := range c.tree.Documents() {
		ref, ok := d.Ref()
		if !ok || ref.Kind != "ArtifactGenerator" || ref.Group != "source.extensions.fluxcd.io" {
			continue
		}
		if found == nil || strings.HasPrefix(d.File.Path, c.entry.Dir+"/") {
			found = d
		}
	}
	if found == nil {
		return s
	}
	ref, _ := found.Ref()
	s.ExternalArtifact = true
	s.Assumed = append(s.Assumed, repo.Assumption{
		Text: fmt.Sprintf("source-watcher runs and the feature gate ExternalArtifact is on, since %s needs them", ref),
		Pos:  found.At(""),
	})
	return s
}

// assumeVersion picks the newest Flux that serves every API version that the
// cluster's objects use, where neither the user nor the repository names one.
// It reports whether that is another one than the World was rendered with.
func assumeVersion(c *cluster) bool {
	if c.versionKnown {
		return false
	}
	var gvks []schema.GroupVersionKind
	for _, o := range c.world.Objects() {
		gvks = append(gvks, o.GroupVersionKind())
	}
	newest := schemas.NewestFlux(gvks)
	if newest == c.settings.FluxVersion {
		return false
	}
	c.settings = c.settings.For(newest)
	var pos finding.Position
	for _, o := range c.world.Objects() {
		gvk := o.GroupVersionKind()
		if schemas.NewestFlux([]schema.GroupVersionKind{gvk}) == newest && newest != schemas.FluxVersion {
			pos = o.At("/apiVersion")
			c.settings.Assumed = append(c.settings.Assumed, repo.Assumption{
				Text: fmt.Sprintf("Flux %s runs: it is the newest that serves %s %s", newest, gvk.GroupVersion(), gvk.Kind), Pos: pos,
			})
			break
		}
	}
	c.versionKnown = true
	return true
}
