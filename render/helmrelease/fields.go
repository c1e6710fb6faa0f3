package helmrelease

import "github.com/flux-rehearse/flux-rehearse/render"

// Ledger says of every field of a HelmRelease what becomes of it.
func Ledger() render.Ledger {
	return render.Ledger{Kind: "HelmRelease", Rows: ledger, Metadata: metadata}
}

// selector are the fields that choose objects.
const selector = "group version kind namespace name annotationSelector labelSelector"

var ledger = []render.LedgerRow{
	{Use: render.UseRendered, Names: "apiVersion", Rules: "api/removed-version", Why: "an older version loses the fields that v2 does not have"},
	{Use: render.UseRendered, Names: "kind metadata", Why: "the default name of the release; the namespace of what is referred to"},
	{Use: render.UseRendered, Parent: "spec.chart.spec.", Names: "chart version sourceRef.kind sourceRef.name sourceRef.namespace reconcileStrategy valuesFiles[] ignoreMissingValuesFiles",
		Rules: "reference/source-missing reference/source-unusable reference/access-denied helm/template-failed", Why: "which chart, and its version"},
	{Use: render.UseRendered, Parent: "spec.chart.", Names: "metadata.labels metadata.annotations", Why: "of the HelmChart that the controller makes"},
	{Use: render.UseNone, Parent: "spec.chart.spec.", Names: "interval verify.provider verify.secretRef.name",
		Why: "no time passes and no signature is checked"},
	{Use: render.UseNone, Parent: "spec.", Names: "chart.spec.sourceRef.apiVersion chartRef.apiVersion",
		Why: "the controller reads the version that it knows"},
	{Use: render.UseRendered, Parent: "spec.chartRef.", Names: "kind name namespace",
		Rules: "reference/source-missing reference/source-unusable reference/access-denied", Why: "which chart, and its version"},
	{Use: render.UseNone, Parent: "spec.", Names: "interval persistentClient", Why: "no time passes, and a client has no state"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "timeout", Why: "how long objects are waited for"},
	{Use: render.UseUnknown, Parent: "spec.kubeConfig.", Names: "configMapRef.name secretRef.name secretRef.key",
		Why: "its objects are rendered with the capabilities of this cluster, but belong to another one, which is not replayed"},
	{Use: render.UseRendered, Parent: "spec.", Names: "suspend", Why: "nothing of it is judged or replayed"},
	{Use: render.UseRendered, Parent: "spec.", Names: "releaseName", Rules: "ownership/duplicate-release", Why: "the name of the release"},
	{Use: render.UseRendered, Parent: "spec.", Names: "targetNamespace storageNamespace",
		Rules: "helm/target-namespace namespace/never-created", Why: "where the release and its record are"},
	{Use: render.UseRendered, Parent: "spec.", Names: "values", Rules: "helm/values-schema", Why: "merged last into the values"},
	{Use: render.UseRendered, Parent: "spec.", Names: "postRenderStrategy", Why: "which objects the post renderers see"},
	{Use: render.UseRendered, Parent: "spec.dependsOn[].", Names: "name namespace",
		Rules: "reference/dependency-missing reference/dependency-cycle reference/dependency-kind reference/dependency-suspended",
		Why:   "blocked until the other one is ready"},
	{Use: render.UseReplayed, Parent: "spec.dependsOn[].", Names: "readyExpr", Rules: "health/expression-invalid", Why: "evaluated on the replayed objects"},
	{Use: render.UseReplayed, Parent: "spec.", Names: "maxHistory serviceAccountName", Why: "how the release is stored and with whose rights"},
	{Use: render.UseReplayed, Parent: "spec.driftDetection.", Names: "mode ignore[].paths[]", Why: "corrects what others changed"},
	{Use: render.UseReplayed, Parent: "spec.driftDetection.ignore[].target.", Names: selector, Why: "objects whose fields are left to others"},
	{Use: render.UseRendered, Parent: "spec.install.", Names: "crds disableHooks disableSchemaValidation",
		Rules: "helm/values-schema", Why: "which objects, and whether values are checked"},
	{Use: render.UseReplayed, Parent: "spec.install.", Names: "strategy.name remediation.retries remediation.ignoreTestFailures remediation.remediateLastFailure " +
		"disableTakeOwnership disableOpenAPIValidation replace serverSideApply timeout disableWait disableWaitForJobs", Why: "how objects are applied"},
	{Use: render.UseReplayed, Parent: "spec.install.", Names: "createNamespace", Rules: "namespace/never-created", Why: "makes the target namespace"},
	{Use: render.UseNone, Parent: "spec.install.", Names: "strategy.retryInterval skipCRDs", Why: "no time passes between two tries; skipCRDs has no effect in the controller"},
	{Use: render.UseRendered, Parent: "spec.upgrade.", Names: "crds disableHooks disableSchemaValidation",
		Rules: "helm/values-schema", Why: "which objects, and whether values are checked"},
	{Use: render.UseReplayed, Parent: "spec.upgrade.", Names: "strategy.name remediation.retries remediation.ignoreTestFailures remediation.remediateLastFailure remediation.strategy " +
		"disableTakeOwnership disableOpenAPIValidation force preserveValues cleanupOnFail serverSideApply chartNameChangeStrategy timeout disableWait disableWaitForJobs",
		Why: "how objects are applied"},
	{Use: render.UseNone, Parent: "spec.upgrade.", Names: "strategy.retryInterval", Why: "no time passes between two tries"},
	{Use: render.UseReplayed, Parent: "spec.test.", Names: "enable ignoreFailures filters[].name filters[].exclude timeout", Why: "which test hooks run"},
	{Use: render.UseReplayed, Parent: "spec.rollback.", Names: "disableHooks force cleanupOnFail serverSideApply timeout disableWait disableWaitForJobs", Why: "how objects are applied"},
	{Use: render.UseNone, Parent: "spec.rollback.", Names: "recreate", Why: "has no effect in the controller"},
	{Use: render.UseReplayed, Parent: "spec.uninstall.", Names: "disableHooks keepHistory deletionPropagation timeout disableWait", Why: "how objects are deleted"},
	{Use: render.UseRendered, Parent: "spec.valuesFrom[].", Names: "kind name valuesKey targetPath optional literal",
		Rules: "reference/values-from-missing", Why: "part of the values"},
	{Use: render.UseRendered, Parent: "spec.commonMetadata.", Names: "annotations labels", Why: "part of every object"},
	{Use: render.UseRendered, Parent: "spec.postRenderers[].kustomize.", Names: "patches[].patch images[].name images[].newName images[].newTag images[].digest",
		Rules: "helm/template-failed", Why: "part of the objects"},
	{Use: render.UseRendered, Parent: "spec.postRenderers[].kustomize.patches[].target.", Names: selector, Why: "what the patch changes"},
	{Use: render.UseNone, Parent: "spec.waitStrategy.", Names: "name", Why: "both ways to wait see the same: workloads count as healthy once applied"},
	{Use: render.UseReplayed, Parent: "spec.healthCheckExprs[].", Names: "apiVersion kind current inProgress failed",
		Rules: "health/expression-invalid", Why: "decides whether custom resources are healthy"},

	{Use: render.UseReplayed, Parent: "status.", Names: "conditions[] failures helmChart installFailures upgradeFailures inventory.entries[].id inventory.entries[].v " +
		"lastAttemptedConfigDigest lastAttemptedGeneration lastAttemptedReleaseAction lastAttemptedRevision lastAttemptedRevisionDigest " +
		"observedCommonMetadataDigest observedGeneration observedPostRenderersDigest storageNamespace",
		Why: "written by the controller, never read from a file"},
	{Use: render.UseReplayed, Parent: "status.history[].", Names: "action apiVersion appVersion chartName chartVersion configDigest deleted digest firstDeployed " +
		"lastDeployed name namespace ociDigest status testHooks version", Why: "written by the controller, never read from a file"},
	{Use: render.UseNone, Parent: "status.", Names: "lastAttemptedReleaseActionDuration lastAttemptedValuesChecksum lastHandledForceAt lastHandledReconcileAt " +
		"lastHandledResetAt lastReleaseRevision", Why: "written by the controller for people to read, or by older ones"},

	{Use: render.UseChecked, Versions: "v2beta2 v2beta1", Parent: "spec.chart.spec.", Names: "valuesFile",
		Rules: "api/removed-version", Why: "v2 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseChecked, Versions: "v2beta2 v2beta1", Parent: "spec.postRenderers[].kustomize.", Names: "patchesStrategicMerge[] " +
		"patchesJson6902[].patch[].op patchesJson6902[].patch[].path patchesJson6902[].patch[].from patchesJson6902[].patch[].value",
		Rules: "api/removed-version", Why: "v2 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseChecked, Versions: "v2beta2 v2beta1", Parent: "spec.postRenderers[].kustomize.patchesJson6902[].target.", Names: selector,
		Rules: "api/removed-version", Why: "v2 does not have it: the API server drops it, and it changes nothing"},
	{Use: render.UseNone, Versions: "v2beta2 v2beta1", Parent: "status.", Names: "lastAppliedRevision",
		Why: "written by a controller that is no longer in use"},
}

var metadata = []render.LedgerRow{
	{Use: render.UseUnknown, Parent: "reconcile.fluxcd.io/", Names: "forceAt resetAt", Why: "asks for an upgrade without a change, or for new tries"},
	{Use: render.UseNone, Parent: "reconcile.fluxcd.io/", Names: "requestedAt", Why: "every object is reconciled until nothing changes"},
	{Use: render.UseReplayed, Parent: "helm.toolkit.fluxcd.io/", Names: "driftDetection", Why: "disabled: what others changed in the object stays"},
}
