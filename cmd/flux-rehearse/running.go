package main

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// running is what is known of a cluster that runs a base revision.
func running(base *cluster) *simulate.Running {
	definitions := slices.DeleteFunc(slices.Clone(base.world.Objects()), func(o *render.Object) bool {
		return o.GetKind() != "CustomResourceDefinition" || o.GroupVersionKind().Group != "apiextensions.k8s.io"
	})
	return &simulate.Running{
		Definitions: definitions,
		Declares:    func(ref finding.Ref) bool { return base.world.Object(ref) != nil },
	}
}
