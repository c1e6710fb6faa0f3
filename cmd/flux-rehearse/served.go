package main

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// servedRounds bounds how often a cluster is rendered anew since charts yield
// something else, CRDs perhaps, in a cluster that serves more.
const servedRounds = 5

// play plays a cluster forward. Charts see what it serves once everything is
// applied: that is how it runs. Where what it does not hold does not exist,
// they see what is served when their turn comes.
func (p *project) play(ctx context.Context, c *cluster, renderers []render.Renderer) error {
	catalog, err := schemas.New(schemas.Options{KubeVersion: c.settings.KubeVersion, FluxVersion: c.settings.FluxVersion})
	if err != nil {
		return fmt.Errorf("read the built-in schemas: %w", err)
	}
	builtIn := catalog.APIVersions()
	served := builtIn
	c.withheld = nil
	for range servedRounds {
		c.world, err = render.Run(ctx, render.Plan{
			Entry: c.entry, Tree: c.tree, Settings: c.settings, Extra: c.extra, Invented: c.invented, Problems: c.problems,
			Baseline:  render.Capabilities{KubeVersion: c.settings.KubeVersion, APIVersions: served},
			Renderers: renderers, Sources: c.sources, Workers: p.opt.workers,
		})
		if err != nil {
			return err
		}
		c.catalog = catalog.With(crds(c.world))
		next := c.servedNext(builtIn, served)
		if p.rendered != nil {
			p.rendered(c)
		}
		if c.settings.Complete || slices.Equal(next, served) {
			break
		}
		served = next
	}
	p.opt.secrets.allow(c.world)
	p.opt.plain.allow(c.world)
	for _, o := range c.world.Objects() {
		p.opt.plain.takeIn(o.Unstructured)
	}
	return nil
}

// servedNext is what charts see in the next round: all that is served after this
// one, but what a chart brings only where it is not served.
func (c *cluster) servedNext(builtIn, served []string) []string {
	now := slices.Concat(builtIn, c.world.Served(), c.evident())
	for _, version := range served {
		if !slices.Contains(now, version) {
			c.withheld = append(c.withheld, version)
		}
	}
	now = slices.DeleteFunc(now, func(version string) bool { return slices.Contains(c.withheld, version) })
	slices.Sort(now)
	return slices.Compact(now)
}

// evident are the API versions of the objects that the cluster takes although
// nothing here defines their kinds. What a chart yields is no evidence: it
// depends on what is served.
func (c *cluster) evident() []string {
	var out []string
	for _, o := range c.world.Objects() {
		owner, gvk := o.Origin.Owner, o.GroupVersionKind()
		if owner != nil && owner.GetKind() == "HelmRelease" || !c.undefined(gvk) {
			continue
		}
		out = append(out, gvk.GroupVersion().String(), gvk.GroupVersion().String()+"/"+gvk.Kind)
	}
	return out
}

// undefined reports whether nothing here defines a kind, so that somebody must
// have installed its definition by other means.
func (c *cluster) undefined(gvk schema.GroupVersionKind) bool {
	_, removed := c.catalog.Removed(gvk)
	return !removed && gvk.Group != "" && gvk.Kind != "" && !simulate.Computed(gvk.Group) && len(c.catalog.Versions(gvk.GroupKind())) == 0
}
