package helmrelease

import "strings"

// Use says what becomes of a field of a HelmRelease here.
type Use string

// The uses.
const (
	UseRendered Use = "rendered" // decides what Render yields
	UseWorld    Use = "world"    // decides when or whether the release is rendered; the World follows it
	UseReplay   Use = "replay"   // decides how objects get into a cluster, not which: a matter of the replay
	UseNone     Use = "none"     // means nothing without a running cluster
)

// Field is a row of the ledger: a field of the API and what becomes of it.
type Field struct {
	Path string // spec.install.crds; [] marks the items of a list
	Use  Use
	Why  string
}

// ledgerRow stands for the fields of one part of the spec.
type ledgerRow struct {
	use    Use
	parent string
	names  string // separated by blanks
	why    string
}

var ledger = []ledgerRow{
	{UseRendered, "spec.chart.spec.", "chart version sourceRef.kind sourceRef.name sourceRef.namespace reconcileStrategy valuesFiles[] ignoreMissingValuesFiles", "which chart, and its version"},
	{UseRendered, "spec.chart.", "metadata.labels metadata.annotations", "of the HelmChart that the controller makes"},
	{UseNone, "spec.chart.spec.", "interval verify.provider verify.secretRef.name", "no time passes and no signature is checked"},
	{UseNone, "spec.", "chart.spec.sourceRef.apiVersion chartRef.apiVersion", "the controller reads the version that it knows"},
	{UseRendered, "spec.chartRef.", "kind name namespace", "which chart, and its version"},
	{UseNone, "spec.", "interval timeout persistentClient", "no time passes"},
	{UseNone, "spec.kubeConfig.", "configMapRef.name secretRef.name secretRef.key", "other clusters are not reached; capabilities are those of this one"},
	{UseRendered, "spec.", "suspend releaseName targetNamespace storageNamespace values postRenderStrategy", "part of the result"},
	{UseWorld, "spec.dependsOn[].", "name namespace readyExpr", "the order of releases"},
	{UseReplay, "spec.", "maxHistory serviceAccountName", "how the release is stored and with whose rights"},
	{UseReplay, "spec.driftDetection.", "mode ignore[].paths[] ignore[].target.group ignore[].target.version ignore[].target.kind ignore[].target.namespace " +
		"ignore[].target.name ignore[].target.annotationSelector ignore[].target.labelSelector", "needs the live objects"},
	{UseRendered, "spec.install.", "crds disableHooks disableSchemaValidation", "which objects, and whether values are checked"},
	{UseReplay, "spec.install.", "strategy.name remediation.retries remediation.ignoreTestFailures remediation.remediateLastFailure disableTakeOwnership " +
		"disableOpenAPIValidation replace createNamespace serverSideApply", "how objects are applied"},
	{UseNone, "spec.install.", "timeout strategy.retryInterval disableWait disableWaitForJobs skipCRDs", "no time passes; skipCRDs has no effect in the controller"},
	{UseRendered, "spec.upgrade.", "crds disableHooks disableSchemaValidation", "which objects, and whether values are checked"},
	{UseReplay, "spec.upgrade.", "strategy.name remediation.retries remediation.ignoreTestFailures remediation.remediateLastFailure remediation.strategy " +
		"disableTakeOwnership disableOpenAPIValidation force preserveValues cleanupOnFail serverSideApply chartNameChangeStrategy", "how objects are applied"},
	{UseNone, "spec.upgrade.", "timeout strategy.retryInterval disableWait disableWaitForJobs", "no time passes"},
	{UseReplay, "spec.test.", "enable ignoreFailures filters[].name filters[].exclude", "which test hooks run"},
	{UseNone, "spec.test.", "timeout", "no time passes"},
	{UseReplay, "spec.rollback.", "disableHooks force cleanupOnFail serverSideApply", "how objects are applied"},
	{UseNone, "spec.rollback.", "timeout disableWait disableWaitForJobs recreate", "no time passes; recreate has no effect in the controller"},
	{UseReplay, "spec.uninstall.", "disableHooks keepHistory deletionPropagation", "how objects are deleted"},
	{UseNone, "spec.uninstall.", "timeout disableWait", "no time passes"},
	{UseRendered, "spec.valuesFrom[].", "kind name valuesKey targetPath optional literal", "part of the values"},
	{UseRendered, "spec.commonMetadata.", "annotations labels", "part of every object"},
	{UseRendered, "spec.postRenderers[].kustomize.", "patches[].patch patches[].target.group patches[].target.version patches[].target.kind patches[].target.namespace " +
		"patches[].target.name patches[].target.annotationSelector patches[].target.labelSelector images[].name images[].newName images[].newTag images[].digest", "part of the objects"},
	{UseNone, "spec.waitStrategy.", "name", "workloads do not run"},
	{UseReplay, "spec.healthCheckExprs[].", "apiVersion kind current inProgress failed", "an invalid expression fails the release; nothing waits for health"},
}

// Ledger says of every field of the spec of a HelmRelease what becomes of it.
func Ledger() []Field {
	var out []Field
	for _, row := range ledger {
		for _, name := range strings.Fields(row.names) {
			out = append(out, Field{Path: row.parent + name, Use: row.use, Why: row.why})
		}
	}
	return out
}
