package inputprovider

import "github.com/flux-rehearse/flux-rehearse/render"

// Ledger says of every field of a ResourceSetInputProvider what becomes of it.
func Ledger() render.Ledger {
	return render.Ledger{Kind: Kind, Rows: ledger, Metadata: metadata}
}

const recorded = "a recording answers for a service as long as it was asked the same; without one the inputs are unknown"

var ledger = []render.LedgerRow{
	{Use: render.UseRendered, Names: "apiVersion kind metadata", Why: "what templates see as inputs.provider; which ResourceSets select it"},
	{Use: render.UseRendered, Parent: "spec.", Names: "type url", Rules: "operator/inputs-invalid", Why: recorded},
	{Use: render.UseRendered, Parent: "spec.", Names: "defaultValues", Rules: "operator/inputs-invalid", Why: "the input of a static provider; values that each input of another one has"},
	{Use: render.UseRendered, Parent: "spec.filter.",
		Names: "includeBranch excludeBranch includeTag excludeTag includeEnvironment excludeEnvironment labels[] semver limit", Why: recorded},
	{Use: render.UseRendered, Parent: "spec.skip.", Names: "labels[]", Why: recorded},
	{Use: render.UseNone, Parent: "spec.", Names: "schedule[]", Why: "no time passes here"},
	{Use: render.UseNone, Parent: "spec.", Names: "insecure serviceAccountName secretRef.name certSecretRef.name", Why: "how a service is asked, which never happens here"},
	{Use: render.UseRendered, Names: "status", Why: "exportedInputs of an object from a cluster is a recording"},
}

var metadata = []render.LedgerRow{
	{Use: render.UseRendered, Parent: Group + "/", Names: "reconcile", Why: "disabled: the provider itself is not judged; its inputs stay those that they are"},
	{Use: render.UseNone, Parent: Group + "/", Names: "reconcileEvery reconcileTimeout", Why: "no time passes here"},
}
