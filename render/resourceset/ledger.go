package resourceset

import "github.com/flux-rehearse/flux-rehearse/render"

// Ledger says of every field of a ResourceSet what becomes of it.
func Ledger() render.Ledger {
	return render.Ledger{Kind: Kind, Rows: ledger, Metadata: metadata}
}

const templateRules = "operator/template-failed operator/duplicate-object"

var ledger = []render.LedgerRow{
	{Use: render.UseRendered, Names: "apiVersion kind metadata", Why: "the owner labels of every object; where input providers are looked for"},
	{Use: render.UseRendered, Parent: "spec.", Names: "inputs[]", Rules: "operator/inputs-invalid",
		Why: "the templates are filled with each; an input without id gets one that stands for that of the operator"},
	{Use: render.UseRendered, Parent: "spec.inputsFrom[].", Names: "name selector.matchLabels selector.matchExpressions[].key selector.matchExpressions[].operator selector.matchExpressions[].values[]",
		Rules: "operator/provider-missing operator/no-inputs operator/inputs-invalid", Why: "whose inputs the templates are filled with"},
	{Use: render.UseNone, Parent: "spec.inputsFrom[].", Names: "apiVersion kind", Why: "there is one kind of input providers"},
	{Use: render.UseRendered, Parent: "spec.inputStrategy.", Names: "name includeEmptyProviders", Rules: "operator/inputs-invalid",
		Why: "one input after the other, or every combination of those of several providers"},
	{Use: render.UseRendered, Parent: "spec.", Names: "resources[] resourcesTemplate", Rules: templateRules, Why: "what is applied"},
	{Use: render.UseRendered, Parent: "spec.steps[].", Names: "name resources[] resourcesTemplate", Rules: templateRules + " operator/inputs-invalid",
		Why: "the objects of all steps; that a step waits for the one before it is not followed"},
	{Use: render.UseRendered, Parent: "spec.commonMetadata.", Names: "labels annotations", Why: "set on every object"},
	{Use: render.UseRendered, Parent: "spec.dependsOn[].", Names: "apiVersion kind name namespace ready",
		Why: "blocked until the object exists, or is ready where ready says so"},
	{Use: render.UseReplayed, Parent: "spec.dependsOn[].", Names: "readyExpr", Why: "evaluated on the replayed objects"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "serviceAccountName", Why: "whose rights the objects are applied with"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "wait", Why: "workloads count as healthy once applied"},
	{Use: render.UseNone, Names: "status", Why: "written by the operator"},
}

var metadata = []render.LedgerRow{
	{Use: render.UseRendered, Parent: group + "/", Names: "reconcile", Why: "disabled on the ResourceSet: nothing is applied; on one of its objects: that one is left out"},
	{Use: render.UseReplayed, Parent: group + "/", Names: "reconcileTimeout", Why: "how long wait waits"},
	{Use: render.UseNone, Parent: group + "/", Names: "reconcileEvery", Why: "no time passes here"},
	{Use: render.UseReplayed, Parent: group + "/", Names: "prune force", Why: "on its objects: never deleted; made anew where they cannot be changed"},
	{Use: render.UseRendered, Parent: group + "/", Names: "copyFrom convertKubeConfigFrom checksumFrom", Rules: "operator/copy-failed operator/copy-source-missing",
		Why: "on its objects: content of ConfigMaps and Secrets"},
}
