package release

import (
	"bytes"
	"fmt"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/ssa/utils"
	"helm.sh/helm/v4/pkg/action"
	helm "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// postRenderer passes what Helm has rendered through the post-renderers of the
// HelmRelease.
type postRenderer struct{ hr *v2.HelmRelease }

// Run renders once. There is always something to do: each object gets the
// labels of its origin.
func (p postRenderer) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	in := kustomize.PostRenderInput{Manifests: rendered.Bytes(), Name: p.hr.Name, Namespace: p.hr.Namespace}
	for _, renderer := range p.hr.Spec.PostRenderers {
		if renderer.Kustomize != nil {
			in.Steps = append(in.Steps, kustomize.PostRenderStep{Patches: renderer.Kustomize.Patches, Images: renderer.Kustomize.Images})
		}
	}
	if common := p.hr.Spec.CommonMetadata; common != nil {
		in.Labels, in.Annotations = common.Labels, common.Annotations
	}
	out, err := kustomize.PostRender(in)
	if err != nil {
		return nil, err
	}
	return bytes.NewBuffer(out), nil
}

func (r *run) postRenderStrategy() action.PostRenderStrategy {
	switch s := r.hr.GetPostRenderStrategy(); {
	case s != "":
		return action.PostRenderStrategy(s)
	case !r.req.Settings.PostRendersHooks():
		return action.PostRenderStrategyNoHooks
	}
	return action.PostRenderStrategyCombined
}

// takeInventory notes the objects of the release that was stored last, and the
// CustomResourceDefinitions of its chart, whether they were applied or not.
func (r *run) takeInventory(rel *helm.Release) {
	if rel == nil {
		return
	}
	objects, err := utils.ReadObjects(strings.NewReader(rel.Manifest))
	if err != nil {
		r.lostInventory(err)
		return
	}
	inventory := &v2.ResourceInventory{Entries: []v2.ResourceRef{}}
	for _, u := range objects {
		if _, hook := u.GetAnnotations()[helm.HookAnnotation]; hook {
			continue
		}
		r.complete(u, rel.Namespace)
		inventory.Entries = append(inventory.Entries, entry(u))
	}
	if rel.Chart != nil {
		for _, file := range rel.Chart.CRDObjects() {
			crds, err := utils.ReadObjects(bytes.NewReader(file.File.Data))
			if err != nil {
				r.lostInventory(fmt.Errorf("failed to parse CRD %s: %w", file.Name, err))
				return
			}
			for _, u := range crds {
				inventory.Entries = append(inventory.Entries, entry(u))
			}
		}
	}
	r.hr.Status.Inventory = inventory
}

func (r *run) lostInventory(err error) {
	r.tellWarning(v2.InventoryBuildFailedReason, fmt.Sprintf("failed to build inventory for %s/%s: %s", r.hr.Namespace, r.hr.Name, err))
}

// complete gives an object the namespace of the release when it has none and
// its kind needs one.
func (r *run) complete(u *unstructured.Unstructured, namespace string) {
	if u.GetNamespace() != "" {
		return
	}
	gvk := u.GroupVersionKind()
	mapping, err := r.cluster.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err == nil && mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		u.SetNamespace(namespace)
	}
}

// entry names an object as an inventory does.
func entry(u *unstructured.Unstructured) v2.ResourceRef {
	gvk := u.GroupVersionKind()
	// A colon is not allowed in the identifier; names of RBAC objects have some.
	name := strings.ReplaceAll(u.GetName(), ":", "__")
	return v2.ResourceRef{ID: strings.Join([]string{u.GetNamespace(), name, gvk.Group, gvk.Kind}, "_"), Version: gvk.Version}
}
