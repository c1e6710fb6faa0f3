package helmrelease

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// The reasons of a Failed and of the Problems that a render states. Those of
// package source come on top. They are API: a rule reports each.
const (
	ReasonSpec             = "helmrelease-invalid"        // the object is not a HelmRelease that the API server takes
	ReasonAccess           = "access-denied"              // a flag of the controller forbids the reference
	ReasonChartTemplate    = "chart-template-unknown"     // spec.chart.kind is a template that is not built here; the state is Unknown
	ReasonChartMissing     = "chart-ref-not-found"        // chartRef names an object that does not exist
	ReasonChartReference   = "chart-reference"            // the path holds no chart
	ReasonChartMetadata    = "chart-version"              // the version of the chart cannot be extended
	ReasonValuesFiles      = "chart-values-files"         // spec.chart.spec.valuesFiles cannot be merged
	ReasonDependency       = "chart-dependency"           // a dependency of a chart folder cannot be added
	ReasonDependencyRemote = "chart-dependency-not-local" // a dependency of a chart folder is not at hand; the state is Unknown
	ReasonChartPackage     = "chart-package"              // the chart cannot be read
	ReasonChartMutate      = "chart-tag-mismatch"         // the tag of the artifact is not the version of the chart
	ReasonValues           = "helm-values"                // values cannot be composed
	ReasonValuesUnknown    = "helm-values-unknown"        // the content of a values source is not known; the state is Unknown
	ReasonSchema           = "helm-values-schema"         // values.schema.json refuses the values
	ReasonSchemaRef        = "schema-ref-not-local"       // a reference of values.schema.json is not at hand and was skipped
	ReasonKubeVersion      = "helm-kube-version"          // the chart refuses the Kubernetes version
	ReasonTemplate         = "helm-template"              // a template does not parse or execute
	ReasonTemplateFail     = "helm-template-fail"         // a template calls fail or required
	ReasonTemplateYAML     = "helm-template-yaml"         // the output of a template is not YAML
	ReasonTemplateTime     = "helm-template-timeout"      // the templates do not end, or yield too much
	ReasonDuplicate        = "helm-duplicate-object"      // two rendered objects have one identity
	ReasonPostRender       = "helm-post-render"           // a post-renderer refuses the objects
	ReasonCRDs             = "helm-crds"                  // a file in crds/ cannot be read
	ReasonNotCRD           = "helm-crds-other-kind"       // an object in crds/ is no CustomResourceDefinition and is ignored
	ReasonLookup           = "helm-lookup-unknown"        // a template looks up an object whose content is not known
	ReasonInstall          = "helm-render"                // Helm refuses the chart for another reason
)

// Failed says why a release cannot be prepared or rendered.
type Failed struct {
	State  render.State // Failed, Unknown or Blocked
	Reason string       // stable kebab-case code
	// Ready is the condition that helm-controller writes. It is empty when the
	// controller writes none.
	Ready     render.Condition
	Stalled   bool // the controller gives up until something changes
	Problem   finding.Problem
	HelmChart *unstructured.Unstructured // as in Prepared, nil when the controller does not get to make it
	Chart     string                     // reason of the condition of the HelmChart, empty when the failure is not its
}

// failed is a failure of the controller at the field of the HelmRelease.
func failed(in render.Input, ready render.Condition, p finding.Problem) *Failed {
	return &Failed{State: render.Failed, Reason: p.Reason, Ready: ready, Problem: located(in, p)}
}

// unknown is content that is not at hand.
func unknown(in render.Input, p finding.Problem) *Failed {
	return &Failed{State: render.Unknown, Reason: p.Reason, Problem: located(in, p)}
}

// located fills in the object and the place of its field.
func located(in render.Input, p finding.Problem) finding.Problem {
	if p.Object.IsZero() {
		p.Object = in.Object.Ref()
	}
	if p.Pos.IsZero() {
		p.Pos = in.Object.At(p.Field)
	}
	return p
}

func notReady(reason, message string) render.Condition {
	return render.Condition{Status: "False", Reason: reason, Message: message}
}

// sourceNotReady is a HelmRelease that waits for its source: name is how the
// controller calls it, text what the source says of itself.
func sourceNotReady(name, text string) render.Condition {
	return notReady("SourceNotReady", name+" is not ready: "+text)
}

// buildError is what source-controller reports about a HelmChart.
type buildError struct {
	condition, message string // reason and message of the Ready condition of the HelmChart
	problem            finding.Problem
	unknown            bool
}

// summaries is how source-controller starts the message of each reason.
var summaries = map[string]string{
	"InvalidChartReference": "invalid chart reference: ",
	"ChartPullError":        "chart pull error: ",
	"MetadataPatchError":    "chart metadata patch error: ",
	"ValuesFilesError":      "values files merge error: ",
	"DependencyBuildError":  "dependency build error: ",
	"ChartPackageError":     "chart package error: ",
}

// refuse is a buildError at the field of the HelmRelease.
func refuse(condition, text string, p finding.Problem) *buildError {
	if p.Message == "" {
		p.Message = text
	}
	return &buildError{condition: condition, message: summaries[condition] + text, problem: p}
}

// chartFailed is a HelmRelease whose HelmChart cannot be built.
func chartFailed(in render.Input, hc *unstructured.Unstructured, e *buildError) *Failed {
	if e.unknown {
		f := unknown(in, e.problem)
		f.HelmChart = hc
		return f
	}
	name := fmt.Sprintf("HelmChart '%s/%s'", hc.GetNamespace(), hc.GetName())
	f := failed(in, sourceNotReady(name, e.message), e.problem)
	f.HelmChart, f.Chart = hc, e.condition
	return f
}

// unresolved is a buildError for a chart that package source does not find, at
// the field of the HelmRelease.
func unresolved(f *source.Failure, field string) *buildError {
	p := f.Problem
	p.Related = append(p.Related[:len(p.Related):len(p.Related)], related(p)...)
	p.Object, p.Pos = finding.Ref{}, finding.Position{}
	p.Field = field
	e := &buildError{condition: f.Condition, message: f.Message, problem: p, unknown: f.Unknown}
	if f.Reason == source.ReasonNotFound {
		e.message = fmt.Sprintf("failed to get source: %s.%s %q not found", f.Object.Kind, f.Object.Group, f.Object.Name)
	}
	return e
}

// related keeps the place that a problem had before it was moved to the HelmRelease.
func related(p finding.Problem) []finding.Related {
	if p.Pos.IsZero() {
		return nil
	}
	return []finding.Related{{Pos: p.Pos, Message: p.Object.String()}}
}
