package main

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// running is what is known of a cluster that runs a base revision. What a chart
// defines only where it is not defined comes with its first installation.
func running(base *cluster) *simulate.Running {
	withheld := func(o *render.Object) bool {
		return slices.ContainsFunc(render.ServedBy(o.Unstructured), func(version string) bool { return slices.Contains(base.withheld, version) })
	}
	return &simulate.Running{
		Definitions: slices.DeleteFunc(definitions(base.world), withheld),
		Declares:    func(ref finding.Ref) bool { return base.world.Object(ref) != nil },
	}
}
