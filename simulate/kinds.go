package simulate

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// fluxKind is a kind that one of Flux's controllers looks after.
type fluxKind struct {
	schema.GroupKind
	statusManager    string // field manager of the status
	finalizerManager string // field manager of the finalizer, empty when there is none
	finalizer        string
}

const (
	sourceGroup    = "source.toolkit.fluxcd.io"
	generatorGroup = "source.extensions.fluxcd.io"
	kustomizeGroup = "kustomize.toolkit.fluxcd.io"
	helmGroup      = "helm.toolkit.fluxcd.io"
	fluxFinalizer  = "finalizers.fluxcd.io"

	kustomizeController = "kustomize-controller"
	helmController      = "helm-controller"
	sourceController    = "source-controller"
	sourceWatcher       = "source-watcher"
)

var (
	kustomizationKind = schema.GroupKind{Group: kustomizeGroup, Kind: "Kustomization"}
	helmReleaseKind   = schema.GroupKind{Group: helmGroup, Kind: "HelmRelease"}
	generatorKind     = schema.GroupKind{Group: generatorGroup, Kind: "ArtifactGenerator"}
	externalKind      = schema.GroupKind{Group: sourceGroup, Kind: "ExternalArtifact"}
	helmChartKind     = schema.GroupKind{Group: sourceGroup, Kind: "HelmChart"}
	helmRepoKind      = schema.GroupKind{Group: sourceGroup, Kind: "HelmRepository"}
	namespaceKind     = schema.GroupKind{Kind: "Namespace"}
	crdKind           = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
)

// sourceKinds are the kinds with artifacts of their own, charts last: they need the others.
var sourceKinds = []schema.GroupKind{
	{Group: sourceGroup, Kind: "GitRepository"},
	{Group: sourceGroup, Kind: "OCIRepository"},
	{Group: sourceGroup, Kind: "Bucket"},
	helmRepoKind,
	helmChartKind,
}

// fluxKinds are all kinds that the replay reconciles.
var fluxKinds = []fluxKind{
	{sourceKinds[0], sourceController, sourceController, fluxFinalizer},
	{sourceKinds[1], sourceController, sourceController, fluxFinalizer},
	{sourceKinds[2], sourceController, sourceController, fluxFinalizer},
	{helmRepoKind, sourceController, sourceController, fluxFinalizer},
	{helmChartKind, sourceController, sourceController, fluxFinalizer},
	{externalKind, sourceWatcher, "", ""},
	{generatorKind, sourceWatcher, sourceWatcher, "source.extensions.fluxcd.io/finalizer"},
	{kustomizationKind, "gotk-" + kustomizeController, "gotk-" + kustomizeController, fluxFinalizer},
	{helmReleaseKind, helmController, helmController, fluxFinalizer},
	{resourceSetKind, fluxOperator, fluxOperator, operatorFinalizer},
	{fluxInstanceKind, fluxOperator, fluxOperator, operatorFinalizer},
}

// kindOf returns the entry of fluxKinds for a reference.
func kindOf(ref finding.Ref) (fluxKind, bool) {
	for _, k := range fluxKinds {
		if k.Group == ref.Group && k.Kind == ref.Kind {
			return k, true
		}
	}
	return fluxKind{}, false
}

func groupKind(ref finding.Ref) schema.GroupKind {
	return schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
}
