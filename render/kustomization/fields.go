package kustomization

import "github.com/flux-rehearse/flux-rehearse/render"

// selector are the fields that choose objects.
const selector = "group version kind namespace name annotationSelector labelSelector"

// Ledger says of every field of a Kustomization what becomes of it.
func Ledger() render.Ledger {
	return render.Ledger{Kind: "Kustomization", Rows: ledger, Metadata: metadata}
}

var ledger = []render.LedgerRow{
	{Use: render.UseRendered, Names: "apiVersion", Rules: "api/removed-version", Why: "an older version loses the fields that v1 does not have"},
	{Use: render.UseRendered, Names: "kind metadata", Why: "the owner labels of every object; the namespace of what is referred to"},

	{Use: render.UseRendered, Parent: "spec.sourceRef.", Names: "kind name namespace",
		Rules: "reference/source-missing reference/source-unusable reference/access-denied", Why: "which content is built"},
	{Use: render.UseNone, Parent: "spec.sourceRef.", Names: "apiVersion", Why: "the controller reads the version that it knows"},
	{Use: render.UseRendered, Parent: "spec.", Names: "path",
		Rules: "reference/path-missing build/not-kubernetes build/resource-missing build/kustomization-invalid", Why: "which folder is built"},
	{Use: render.UseRendered, Parent: "spec.", Names: "targetNamespace",
		Rules: "namespace/never-created namespace/renamed namespace/not-specified", Why: "replaces that of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.", Names: "namePrefix nameSuffix", Why: "replace those of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.patches[].", Names: "patch",
		Rules: "build/patch-failed build/patch-unmatched", Why: "after the patches of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.patches[].target.", Names: selector, Rules: "build/patch-unmatched", Why: "what the patch changes"},
	{Use: render.UseRendered, Parent: "spec.images[].", Names: "name newName newTag digest", Why: "merged by name into those of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.", Names: "components[] ignoreMissingComponents",
		Rules: "build/kustomization-invalid build/resource-missing", Why: "after the components of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.", Names: "buildMetadata[]", Why: "replaces that of the kustomization file"},
	{Use: render.UseRendered, Parent: "spec.commonMetadata.", Names: "labels annotations",
		Rules: "ownership/label-overridden", Why: "set last on every object"},

	{Use: render.UseRendered, Parent: "spec.postBuild.", Names: "substitute substituteStrategy",
		Rules: "build/variable-unset build/variable-invalid", Why: "replaces variables in every built object"},
	{Use: render.UseRendered, Parent: "spec.postBuild.substituteFrom[].", Names: "kind name optional",
		Rules: "reference/substitute-from-missing build/variable-invalid", Why: "variables that ConfigMaps and Secrets hold"},
	{Use: render.UseRendered, Parent: "spec.decryption.", Names: "provider secretRef.name",
		Rules: "secret/decryption-failed secret/sops-without-decryption", Why: "age keys decrypt here; what other keys encrypt becomes placeholders"},
	{Use: render.UseUnknown, Parent: "spec.decryption.", Names: "serviceAccountName",
		Why: "reaches keys of a cloud, which are not at hand: what they encrypt becomes placeholders"},

	{Use: render.UseRendered, Parent: "spec.", Names: "suspend", Why: "nothing of it is judged or replayed"},
	{Use: render.UseRendered, Parent: "spec.dependsOn[].", Names: "name namespace",
		Rules: "reference/dependency-missing reference/dependency-cycle reference/dependency-kind reference/dependency-suspended",
		Why:   "blocked until the other one is ready"},
	{Use: render.UseReplayed, Parent: "spec.dependsOn[].", Names: "readyExpr", Rules: "health/expression-invalid", Why: "evaluated on the replayed objects"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "wait", Rules: "health/wait-deadlock", Why: "workloads count as healthy once applied"},
	{Use: render.UseReplayed, Parent: "spec.healthChecks[].", Names: "apiVersion kind name namespace",
		Rules: "health/check-missing health/check-without-namespace", Why: "waits for these objects only"},
	{Use: render.UseReplayed, Parent: "spec.healthCheckExprs[].", Names: "apiVersion kind current inProgress failed",
		Rules: "health/expression-invalid", Why: "decides whether custom resources are healthy"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "timeout interval", Why: "how long health is waited for; nothing else takes time"},
	{Use: render.UseNone, Parent: "spec.", Names: "retryInterval", Why: "no time passes between two tries"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "prune deletionPolicy force", Why: "how objects are deleted and recreated"},
	{Use: render.UseReplayed, Parent: "spec.ignore[].", Names: "paths[]", Why: "fields that are left to others"},
	{Use: render.UseReplayed, Parent: "spec.ignore[].target.", Names: selector, Why: "objects whose fields are left to others"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "serviceAccountName", Why: "with whose rights objects are applied"},
	{Use: render.UseUnknown, Parent: "spec.kubeConfig.", Names: "secretRef.name secretRef.key configMapRef.name",
		Why: "its objects are rendered, but belong to another cluster, which is not replayed"},

	{Use: render.UseReplayed, Parent: "status.", Names: "conditions[] inventory.entries[].id inventory.entries[].v lastAppliedRevision lastAttemptedRevision observedGeneration",
		Why: "written by the controller, never read from a file"},
	{Use: render.UseNone, Parent: "status.", Names: "lastAppliedOriginRevision lastHandledReconcileAt history[].digest history[].firstReconciled history[].lastReconciled " +
		"history[].lastReconciledDuration history[].lastReconciledStatus history[].metadata history[].totalReconciliations",
		Why: "written by the controller for people to read"},

	{Use: render.UseChecked, Versions: "v1beta2 v1beta1", Parent: "spec.", Names: "validation patchesStrategicMerge[]",
		Rules: "api/removed-version", Why: "v1 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseChecked, Versions: "v1beta2 v1beta1", Parent: "spec.patchesJson6902[].", Names: "patch[].op patch[].path patch[].from patch[].value",
		Rules: "api/removed-version", Why: "v1 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseChecked, Versions: "v1beta2 v1beta1", Parent: "spec.patchesJson6902[].target.", Names: selector,
		Rules: "api/removed-version", Why: "v1 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseNone, Versions: "v1beta1", Parent: "status.snapshot.", Names: "checksum entries[].namespace entries[].kinds",
		Why: "written by a controller that is no longer in use"},
}

var metadata = []render.LedgerRow{
	{Use: render.UseRendered, Parent: Group + "/", Names: "substitute decrypt", Why: "disabled: the text of the object stays as it is"},
	{Use: render.UseReplayed, Parent: Group + "/", Names: "ssa reconcile prune force", Why: "how the object is applied and deleted"},
	{Use: render.UseRendered, Parent: Group + "/", Names: "name namespace", Rules: "ownership/label-overridden ownership/two-owners", Why: "the owner; set by the controller"},
	{Use: render.UseNone, Parent: "reconcile.fluxcd.io/", Names: "requestedAt", Why: "every object is reconciled until nothing changes"},
	{Use: render.UseReplayed, Parent: "reconcile.fluxcd.io/", Names: "watch", Why: "a changed ConfigMap or Secret wakes who reads it"},
}
