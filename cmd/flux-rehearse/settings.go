package main

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// settings is how the controllers of a cluster run: as the user says, else as
// the repository says, else as its objects need.
func (p *project) settings(c *cluster) render.Settings {
	s := render.DefaultSettings()
	return assume(s, c.tree)
}

// assume adds what the objects of a repository need and its controllers are
// not said to have.
func assume(s render.Settings, tree *repo.Tree) render.Settings {
	if s.ExternalArtifact {
		return s
	}
	for _, d := range tree.Documents() {
		ref, ok := d.Ref()
		if ok && ref.Kind == "ArtifactGenerator" && ref.Group == "source.extensions.fluxcd.io" {
			s.ExternalArtifact = true
			s.Assumed = append(s.Assumed, repo.Assumption{
				Text: fmt.Sprintf("source-watcher runs and the feature gate ExternalArtifact is on, since %s needs them", ref),
				Pos:  d.At(""),
			})
			return s
		}
	}
	return s
}
