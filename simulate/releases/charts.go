package releases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/source"
)

const (
	sourceGroup = "source.toolkit.fluxcd.io"
	chartKind   = "HelmChart"
)

// stored is the chart that source-controller has stored for a HelmChart.
type stored struct {
	chart         *helmrelease.Chart
	name, version string
	generation    int64
	digest        string
}

// chartRef names the HelmChart that a HelmRelease takes its chart from.
func chartRef(o *render.Object) finding.Ref {
	if m, ok, _ := unstructured.NestedStringMap(o.Object, "spec", "chartRef"); ok {
		ref := finding.Ref{Group: sourceGroup, Kind: m["kind"], Namespace: m["namespace"], Name: m["name"]}
		if ref.Namespace == "" {
			ref.Namespace = o.GetNamespace()
		}
		return ref
	}
	ns, _, _ := unstructured.NestedString(o.Object, "spec", "chart", "spec", "sourceRef", "namespace")
	if ns == "" {
		ns = o.GetNamespace()
	}
	return finding.Ref{Group: sourceGroup, Kind: chartKind, Namespace: ns, Name: o.GetNamespace() + "-" + o.GetName()}
}

// Chart implements simulate.Releases. A chart whose name and version are the
// same as before is not packed again, whatever else has changed in it.
func (r *Releases) Chart(ctx context.Context, in simulate.ReleaseInput) simulate.ChartResult {
	hc := in.Object
	if f := sourceGone(ctx, in, hc); f != nil {
		return *f
	}
	prepared, failed := r.prepare(ctx, in, taker(hc))
	if failed != nil {
		return notPacked(hc, failed)
	}
	c, resolved := r.packed(hc.Ref()), 0
	if c == nil || c.name != prepared.ChartName || c.version != prepared.ChartVersion || c.generation != hc.GetGeneration() {
		data, err := prepared.Chart.Archive()
		if err != nil {
			return simulate.ChartResult{Failure: &render.Condition{Status: "False", Reason: "ChartPackageError", Message: err.Error()}, Kind: "BuildFailed"}
		}
		sum := sha256.Sum256(data)
		c = &stored{chart: prepared.Chart, name: prepared.ChartName, version: prepared.ChartVersion,
			generation: hc.GetGeneration(), digest: "sha256:" + hex.EncodeToString(sum[:])}
		resolved = prepared.Chart.Resolved()
		r.mu.Lock()
		r.charts[hc.Ref()] = c
		r.mu.Unlock()
	}
	reason, message := summary(ctx, in, c)
	return simulate.ChartResult{Reason: reason, Message: message, Revision: c.version, Digest: c.digest, Name: c.name, Resolved: resolved}
}

// taker is a HelmRelease that takes its chart from a HelmChart.
func taker(hc *render.Object) *render.Object {
	hr := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"interval": "1h", "chartRef": map[string]any{"kind": chartKind, "name": hc.GetName(), "namespace": hc.GetNamespace()},
	}}}
	hr.SetAPIVersion(helmrelease.Group + "/v2")
	hr.SetKind(helmrelease.Kind)
	hr.SetNamespace(hc.GetNamespace())
	hr.SetName(hc.GetName())
	return &render.Object{Unstructured: hr, Origin: hc.Origin}
}

// sourceGone reports a source that does not exist.
func sourceGone(ctx context.Context, in simulate.ReleaseInput, hc *render.Object) *simulate.ChartResult {
	ref, _, _ := sourceOf(hc)
	if u, _ := in.Cluster.Get(ctx, ref); u != nil {
		return nil
	}
	return &simulate.ChartResult{Kind: "FetchFailed", Failure: &render.Condition{Status: "False", Reason: "SourceUnavailable",
		Message: fmt.Sprintf("failed to get source: %s.%s %q not found", ref.Kind, ref.Group, ref.Name)}}
}

// conditions are what source-controller reports for the reasons of a failure
// to pack a chart: the reason of the condition, and the condition beside Ready.
var conditions = map[string][2]string{
	helmrelease.ReasonChartReference: {"InvalidChartReference", "FetchFailed"},
	source.ReasonChart:               {"InvalidChartReference", "FetchFailed"},
	helmrelease.ReasonChartMetadata:  {"MetadataPatchError", "BuildFailed"},
	helmrelease.ReasonValuesFiles:    {"ValuesFilesError", "BuildFailed"},
	helmrelease.ReasonDependency:     {"DependencyBuildError", "BuildFailed"},
	helmrelease.ReasonChartPackage:   {"ChartPackageError", "BuildFailed"},
}

// stalling are the reasons after which source-controller waits for a change.
var stalling = []string{"InvalidChartReference", "ValuesFilesError", "MetadataPatchError"}

// notPacked is a HelmChart without chart.
func notPacked(hc *render.Object, f *helmrelease.Failed) simulate.ChartResult {
	if f.State == render.Unknown {
		return simulate.ChartResult{Unknown: true, Failure: &render.Condition{Status: "Unknown", Reason: "Unknown", Message: f.Problem.Message}}
	}
	c, ok := conditions[f.Reason]
	if !ok {
		c = [2]string{"ChartPullError", "FetchFailed"}
	}
	if f.Chart != "" {
		c[0] = f.Chart
	}
	message := strings.TrimPrefix(f.Ready.Message, fmt.Sprintf("%s '%s/%s' is not ready: ", chartKind, hc.GetNamespace(), hc.GetName()))
	return simulate.ChartResult{
		Failure: &render.Condition{Status: "False", Reason: c[0], Message: message}, Kind: c[1], Stalled: slices.Contains(stalling, c[0]),
	}
}

// summary is what source-controller says of a chart that it has stored.
func summary(ctx context.Context, in simulate.ReleaseInput, c *stored) (reason, message string) {
	hc := in.Object
	kind, _, _ := unstructured.NestedString(hc.Object, "spec", "sourceRef", "kind")
	_, chart, _ := sourceOf(hc)
	files := valuesFiles(ctx, in)
	folder := kind != "HelmRepository" && !strings.HasSuffix(chart, ".tgz")
	reason, verb := "ChartPullSucceeded", "pulled"
	if folder || len(files) > 0 {
		reason, verb = "ChartPackageSucceeded", "packaged"
	}
	message = fmt.Sprintf("%s '%s' chart with version '%s'", verb, c.name, c.version)
	if len(files) > 0 {
		message += fmt.Sprintf(" and merged values files %v", files)
	}
	return reason, message
}

// valuesFiles are the values files that are merged into a chart: not those
// that are missing when that is allowed, and none when only the chart's own is named.
func valuesFiles(ctx context.Context, in simulate.ReleaseInput) []string {
	hc := in.Object
	files, _, _ := unstructured.NestedStringSlice(hc.Object, "spec", "valuesFiles")
	if slices.Equal(files, []string{"values.yaml"}) {
		return nil
	}
	if lenient, _, _ := unstructured.NestedBool(hc.Object, "spec", "ignoreMissingValuesFiles"); !lenient {
		return files
	}
	ref, chart, version := sourceOf(hc)
	found, failure := in.Sources.Chart(ctx, ref, chart, version)
	if failure != nil || found.Root == nil {
		return files
	}
	return slices.DeleteFunc(files, func(name string) bool {
		return !slices.ContainsFunc(found.Root, func(f source.File) bool { return f.Path == path.Clean(name) })
	})
}

// sourceOf reads where a HelmChart comes from.
func sourceOf(hc *render.Object) (ref finding.Ref, chart, version string) {
	m, _, _ := unstructured.NestedStringMap(hc.Object, "spec", "sourceRef")
	chart, _, _ = unstructured.NestedString(hc.Object, "spec", "chart")
	version, _, _ = unstructured.NestedString(hc.Object, "spec", "version")
	return finding.Ref{Group: sourceGroup, Kind: m["kind"], Namespace: hc.GetNamespace(), Name: m["name"]}, chart, version
}
