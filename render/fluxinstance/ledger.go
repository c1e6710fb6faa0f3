package fluxinstance

import "github.com/flux-rehearse/flux-rehearse/render"

// Ledger says of every field of a FluxInstance what becomes of it.
func Ledger() render.Ledger {
	return render.Ledger{Kind: Kind, Rows: ledger, Metadata: metadata}
}

const controllers = "the controllers that the operator installs are not at hand"

var ledger = []render.LedgerRow{
	{Use: render.UseRendered, Names: "apiVersion kind metadata", Rules: "operator/instance-invalid", Why: "the namespace and, by default, the name of the sync"},
	{Use: render.UseRendered, Parent: "spec.sync.", Names: "interval kind name path provider pullSecret ref url", Rules: "operator/instance-invalid",
		Why: "the source and the Kustomization that a cluster starts from"},
	{Use: render.UseRendered, Parent: "spec.kustomize.patches[].", Names: "patch", Rules: "operator/instance-invalid",
		Why: "changes the sync and the arguments of the controllers"},
	{Use: render.UseRendered, Parent: "spec.kustomize.patches[].target.", Names: "group version kind namespace name annotationSelector labelSelector", Why: "what the patch changes"},
	{Use: render.UseRendered, Parent: "spec.distribution.", Names: "version", Why: "the minor version of Flux decides what is strict by default"},
	{Use: render.UseUnknown, Parent: "spec.distribution.", Names: "artifact artifactPullSecret imagePullSecret registry variant", Why: controllers},
	{Use: render.UseRendered, Parent: "spec.", Names: "components[]", Why: "source-watcher opens the gate of ExternalArtifacts"},
	{Use: render.UseRendered, Parent: "spec.cluster.", Names: "multitenant tenantDefaultServiceAccount", Why: "whose rights objects are applied with; which references are refused"},
	{Use: render.UseUnknown, Parent: "spec.cluster.", Names: "domain networkPolicy size type", Why: controllers},
	{Use: render.UseUnknown, Parent: "spec.commonMetadata.", Names: "labels annotations", Why: controllers},
	{Use: render.UseUnknown, Parent: "spec.", Names: "sharding storage", Why: controllers},
	{Use: render.UseNone, Parent: "spec.", Names: "migrateResources wait", Why: "a matter of the controllers that the operator installs"},
	{Use: render.UseNone, Names: "status", Why: "written by the operator"},
}

var metadata = []render.LedgerRow{
	{Use: render.UseRendered, Parent: OwnerGroup + "/", Names: "reconcile", Why: "disabled: nothing is applied"},
	{Use: render.UseNone, Parent: OwnerGroup + "/", Names: "reconcileEvery reconcileTimeout reconcileArtifactEvery", Why: "no time passes here"},
}
