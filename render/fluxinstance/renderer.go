// Package fluxinstance renders FluxInstance objects: the source and the
// Kustomization that the Flux Operator makes of spec.sync. The controllers that
// it installs besides belong to a version of Flux and are not at hand.
package fluxinstance

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// The kind of the objects, and the group of the labels that name their owner.
const (
	Kind       = "FluxInstance"
	OwnerGroup = inputprovider.Group
)

// instanceName is the only name that the operator accepts.
const instanceName = "flux"

// sources are the kinds that spec.sync may name.
var sources = []string{"GitRepository", "OCIRepository", "Bucket"}

// Renderer renders FluxInstance objects.
type Renderer struct{}

// New returns a Renderer.
func New() *Renderer { return &Renderer{} }

// Kinds implements render.Renderer.
func (*Renderer) Kinds() []schema.GroupKind {
	return []schema.GroupKind{{Group: inputprovider.Group, Kind: Kind}}
}

// Needs implements render.Renderer: a FluxInstance needs nothing that is applied.
func (*Renderer) Needs(*render.Object, render.Settings) []render.Need { return nil }

// Render implements render.Renderer.
func (*Renderer) Render(_ context.Context, in render.Input) render.Result {
	spec, _ := in.Object.Object["spec"].(map[string]any)
	sync, _ := spec["sync"].(map[string]any)
	kind, _ := sync["kind"].(string)
	switch {
	case in.Object.GetName() != instanceName:
		return refuse(in.Object, finding.Problem{Reason: "instance-name", Field: "/metadata/name", Message: fmt.Sprintf("the Flux Operator takes only a FluxInstance with the name %q, not %q", instanceName, in.Object.GetName())})
	case kind != "" && !slices.Contains(sources, kind):
		return refuse(in.Object, finding.Problem{Reason: "instance-sync", Field: "/spec/sync/kind", Message: fmt.Sprintf("%q is no kind of source: use GitRepository, OCIRepository or Bucket", kind)})
	}
	res := render.Result{State: render.Rendered, Ready: render.Condition{
		Status: "True", Reason: "ReconciliationSucceeded", Message: "Reconciliation finished in 0s",
	}}
	if len(sync) > 0 {
		objects, err := kustomization.InstanceSync(repo.SyncObjects(in.Object.GetNamespace(), sync), spec)
		if err != nil {
			return refuse(in.Object, finding.Problem{Reason: "instance-patch", Field: "/spec/kustomize/patches", Message: fmt.Sprintf("the patches cannot be applied: %v", err)})
		}
		for _, u := range objects {
			labels := u.GetLabels()
			if labels == nil {
				labels = map[string]string{}
			}
			labels[OwnerGroup+"/name"], labels[OwnerGroup+"/namespace"] = in.Object.GetName(), in.Object.GetNamespace()
			u.SetLabels(labels)
			res.Applies = append(res.Applies, &render.Object{Unstructured: u, Origin: render.Origin{Owner: in.Object, Place: in.Object.At("/spec/sync")}})
		}
	}
	if inputprovider.Paused(in.Object) {
		return render.Result{State: render.Suspended, Reason: "reconcile-disabled", Applies: res.Applies}
	}
	return res
}

// refuse is a failure about a field of the FluxInstance.
func refuse(o *render.Object, p finding.Problem) render.Result {
	p.Object, p.Pos = o.Ref(), o.At(p.Field)
	return render.Result{
		State: render.Failed, Reason: p.Reason, Problems: []finding.Problem{p},
		Ready: render.Condition{Status: "False", Reason: "BuildFailed", Message: p.Message},
	}
}
