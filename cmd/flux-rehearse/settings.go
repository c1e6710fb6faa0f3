package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// settings is how the controllers of a cluster run: as the user says, else as
// the repository says, else as its objects need.
func (p *project) settings(c *cluster) render.Settings {
	s := render.DefaultSettings()
	return assumeExternal(s, c)
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
