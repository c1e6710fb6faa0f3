package helmrelease

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	v2 "github.com/fluxcd/helm-controller/api/v2"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

const templateFields = "/spec/chart/spec"

// fromTemplate builds the chart of the HelmChart that helm-controller makes
// from spec.chart.
func (r *Renderer) fromTemplate(ctx context.Context, in render.Input, p *Prepared) *Failed {
	hr := p.HelmRelease
	ref, field := sourceOf(hr)
	if in.Settings.HelmNoCrossNamespaceRefs && ref.Namespace != hr.Namespace {
		// The controller makes no HelmChart and writes no condition.
		text := fmt.Sprintf("cross-namespace references are not allowed: cannot access HelmChart %s/%s", ref.Namespace, hr.GetHelmChartName())
		return failed(in, render.Condition{}, finding.Problem{Reason: ReasonAccess, Field: field, Message: text,
			Hint: fmt.Sprintf("put the %s into namespace %q", ref.Kind, hr.Namespace)})
	}
	p.HelmChart = helmChart(hr)
	var spec sourcev1.HelmChartSpec
	if err := recode(p.HelmChart.Object["spec"], &spec); err != nil {
		return failed(in, render.Condition{}, finding.Problem{Reason: ReasonSpec, Field: templateFields, Message: err.Error()})
	}
	c, revision, f := buildChart(ctx, p.HelmChart, build{renderer: r, in: in, spec: spec, namespace: ref.Namespace, fields: templateFields})
	p.Chart, p.Revision = c, revision
	return f
}

// fromHelmChart builds the chart of a HelmChart that the user wrote.
func (r *Renderer) fromHelmChart(ctx context.Context, in render.Input, p *Prepared) *Failed {
	ref, _ := sourceOf(p.HelmRelease)
	obj, presence := in.Cluster.Get(ctx, ref)
	if obj == nil {
		return missingSource(in, ref, presence)
	}
	var spec sourcev1.HelmChartSpec
	if err := recode(obj.Object["spec"], &spec); err != nil {
		return failed(in, render.Condition{}, finding.Problem{Reason: ReasonSpec, Field: "/spec/chartRef", Message: err.Error()})
	}
	c, revision, f := buildChart(ctx, obj, build{renderer: r, in: in, spec: spec, namespace: ref.Namespace, fields: "/spec/chartRef"})
	if f != nil {
		f.HelmChart = nil // the user's, not the controller's
	}
	p.Chart, p.Revision = c, revision
	return f
}

// buildChart resolves the source of a HelmChart and builds it. It returns the
// revision of what the chart was built from, too.
func buildChart(ctx context.Context, hc *unstructured.Unstructured, b build) (*Chart, string, *Failed) {
	b.generation = generation(ctx, b.in.Cluster, hc)
	if b.spec.SourceRef.Kind == sourcev1.HelmRepositoryKind && b.spec.Version == "" {
		b.spec.Version = "*"
	}
	ref := finding.Ref{Group: sourceGroup, Kind: b.spec.SourceRef.Kind, Namespace: b.namespace, Name: b.spec.SourceRef.Name}
	found, failure := b.in.Sources.Chart(ctx, ref, b.spec.Chart, b.spec.Version)
	if b.repository() && !chartName.MatchString(b.spec.Chart) && (failure == nil || failure.Reason != source.ReasonNotFound) {
		return nil, "", chartFailed(b.in, hc, b.invalidName())
	}
	if failure != nil {
		return nil, "", chartFailed(b.in, hc, unresolved(failure, chartFailureField(b.fields, failure)))
	}
	b.chart = found
	c, refused := b.run(ctx)
	if refused != nil {
		return nil, "", chartFailed(b.in, hc, refused)
	}
	return c, either(found.Revision, found.Version), nil
}

// chartName is what the name of a chart of a repository looks like.
var chartName = regexp.MustCompile(`^([-a-z0-9]+/?\.?)+$`)

func (b build) invalidName() *buildError {
	return refuse("InvalidChartReference", fmt.Sprintf("invalid chart name '%s': a valid name must be lower case letters and numbers "+
		"and MAY be separated with dashes (-), slashes (/) or periods (.)", b.spec.Chart), finding.Problem{
		Reason: ReasonChartReference, Field: b.fields + "/chart",
		Message: fmt.Sprintf("%q cannot be the name of a chart in a Helm repository", b.spec.Chart),
		Hint:    "write it in lower case letters, digits, \"-\", \"/\" and \".\"",
	})
}

// chartFailureField is the field of the HelmRelease that a source failure is
// about: the one that package source names, else the source.
func chartFailureField(fields string, f *source.Failure) string {
	if field, ok := strings.CutPrefix(f.Field, templateFields); ok {
		return fields + field
	}
	if f.Reason == source.ReasonNotLocal {
		return fields + "/chart"
	}
	return fields + "/sourceRef"
}

// generation is that of the HelmChart in the cluster, 1 when it is new.
func generation(ctx context.Context, cluster render.Cluster, hc *unstructured.Unstructured) int64 {
	ref := render.RefOf(hc)
	return render.Consult(ctx, cluster, func(ctx context.Context, c render.Cluster) int64 {
		if u, _ := c.Get(ctx, ref); u != nil {
			return max(1, u.GetGeneration())
		}
		return 1
	})
}

// helmChart is the object that helm-controller makes from spec.chart, with the
// labels of its owner.
func helmChart(hr *v2.HelmRelease) *unstructured.Unstructured {
	t := hr.Spec.Chart
	c := &sourcev1.HelmChart{}
	c.Name, c.Namespace = hr.GetHelmChartName(), t.GetNamespace(hr.Namespace)
	c.Spec = sourcev1.HelmChartSpec{
		Chart: t.Spec.Chart, Version: t.Spec.Version,
		SourceRef:         sourcev1.LocalHelmChartSourceReference{Kind: t.Spec.SourceRef.Kind, Name: t.Spec.SourceRef.Name},
		Interval:          t.GetInterval(hr.Spec.Interval),
		ReconcileStrategy: t.Spec.ReconcileStrategy,
		ValuesFiles:       t.Spec.ValuesFiles, IgnoreMissingValuesFiles: t.Spec.IgnoreMissingValuesFiles,
	}
	if v := t.Spec.Verify; v != nil {
		c.Spec.Verify = &sourcev1.HelmChartVerification{Provider: v.Provider, SecretRef: v.SecretRef}
	}
	labels := map[string]string{}
	if t.ObjectMeta != nil {
		for k, v := range t.ObjectMeta.Labels {
			labels[k] = v
		}
		c.Annotations = t.ObjectMeta.Annotations
	}
	labels[Group+"/name"], labels[Group+"/namespace"] = hr.Name, hr.Namespace
	c.Labels = labels
	out := &unstructured.Unstructured{}
	if err := recode(c, &out.Object); err != nil {
		out.Object = map[string]any{}
	}
	unstructured.RemoveNestedField(out.Object, "status")
	unstructured.RemoveNestedField(out.Object, "metadata", "creationTimestamp")
	out.SetGroupVersionKind(sourcev1.GroupVersion.WithKind(sourcev1.HelmChartKind))
	return out
}

// fromArtifact loads the chart of an OCIRepository or ExternalArtifact.
func (r *Renderer) fromArtifact(ctx context.Context, in render.Input, p *Prepared) *Failed {
	ref, _ := sourceOf(p.HelmRelease)
	absent := render.Consult(ctx, in.Cluster, func(ctx context.Context, c render.Cluster) bool {
		obj, presence := c.Get(ctx, ref)
		return obj == nil && presence == render.Absent
	})
	if absent && ref.Kind != "ExternalArtifact" {
		return missingSource(in, ref, render.Absent)
	}
	a, failure := in.Sources.Artifact(ctx, ref)
	if failure != nil {
		return artifactFailed(in, ref, failure)
	}
	c, err := r.artifactChart(a)
	if err != nil {
		return failed(in, notReady("ArtifactFailed", "Could not load chart: "+err.Error()), finding.Problem{
			Reason: ReasonChartPackage, Field: "/spec/chartRef",
			Message: fmt.Sprintf("the artifact of %s is no chart: %s", ref, err),
		})
	}
	p.Chart, p.Revision = c, a.Revision
	return mutateVersion(in, p, ref)
}

func artifactFailed(in render.Input, ref finding.Ref, failure *source.Failure) *Failed {
	p := unresolved(failure, "/spec/chartRef").problem
	if failure.Unknown {
		return unknown(in, p)
	}
	name := fmt.Sprintf("%s '%s/%s'", ref.Kind, ref.Namespace, ref.Name)
	if ref.Kind == "ExternalArtifact" {
		return failed(in, sourceNotReady(name, "does not have an artifact"), p)
	}
	return failed(in, sourceNotReady(name, failure.Message), p)
}

// missingSource is a chartRef to an object that does not exist.
func missingSource(in render.Input, ref finding.Ref, presence render.Presence) *Failed {
	p := finding.Problem{Reason: ReasonChartMissing, Field: "/spec/chartRef",
		Message: fmt.Sprintf("%s %q does not exist in namespace %q", ref.Kind, ref.Name, ref.Namespace),
		Hint:    fmt.Sprintf("create the %s, or correct the reference", ref.Kind)}
	if presence == render.Unsure {
		p.Message = fmt.Sprintf("what %s %q in namespace %q holds is not known here", ref.Kind, ref.Name, ref.Namespace)
		return unknown(in, p)
	}
	text := fmt.Sprintf("could not get Source object: %s.%s %q not found", ref.Kind, ref.Group, ref.Name)
	return failed(in, notReady("ArtifactFailed", text), p)
}

// mutateVersion adds the digest of the artifact to the version of the chart,
// and refuses a tag that is another version.
func mutateVersion(in render.Input, p *Prepared, ref finding.Ref) *Failed {
	if ref.Kind == "ExternalArtifact" && !strings.Contains(p.Revision, ":") {
		return nil
	}
	meta, err := chartMetadata(p.Chart.files)
	if err != nil {
		return nil // Prepare reports it when it loads the chart
	}
	version, text := suffixed(meta.Version, p.Revision)
	if text != "" {
		return failed(in, notReady("ChartMutateError", text), finding.Problem{
			Reason: ReasonChartMutate, Field: "/spec/chartRef", Message: text,
			Hint: "tag the artifact with the version of the chart",
		})
	}
	if !in.Settings.DisableChartDigestTracking {
		c := *p.Chart
		c.version = version
		p.Chart = &c
	}
	return nil
}

// suffixed returns the version with the digest of the revision, or why the
// controller refuses it.
func suffixed(version, revision string) (extended, refusal string) {
	v, err := semver.NewVersion(version)
	if err != nil {
		return "", "invalid chart version " + version
	}
	tag, sum, tagged := strings.Cut(revision, "@")
	if !tagged {
		sum = revision
	}
	if t, err := semver.NewVersion(strings.ReplaceAll(tag, "_", "+")); tagged && err == nil && !t.Equal(v) {
		return "", fmt.Sprintf("artifact revision %s does not match chart version %s", tag, version)
	}
	_, hex, ok := strings.Cut(sum, ":")
	if !ok || len(hex) < shortDigest {
		return "", "invalid artifact revision " + sum
	}
	out, err := v.SetMetadata(hex[:shortDigest])
	if err != nil {
		return "", err.Error()
	}
	return out.String(), ""
}

// recode turns a value into another Go type with the same JSON.
func recode(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("write %T: %w", from, err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("read %T: %w", to, err)
	}
	return nil
}
