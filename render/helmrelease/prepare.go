package helmrelease

import (
	"context"
	"fmt"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/opencontainers/go-digest"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// Prepared is a release up to the moment in which helm-controller calls Helm.
type Prepared struct {
	HelmRelease      *v2.HelmRelease
	Chart            *Chart
	ChartName        string
	ChartVersion     string // with version metadata and the suffix of an OCI digest
	AppVersion       string
	Values           map[string]any // composed, without the defaults of the chart
	ValuesDigest     string         // as in status.history[].configDigest
	ReleaseName      string
	ReleaseNamespace string
	StorageNamespace string
	Revision         string // of the artifact that holds the chart
	// HelmChart is the object that helm-controller makes from spec.chart, nil
	// for a chartRef.
	HelmChart *unstructured.Unstructured
}

// Release identifies the release.
func (p Prepared) Release() *render.Release {
	return &render.Release{
		Name: p.ReleaseName, Namespace: p.ReleaseNamespace, StorageNamespace: p.StorageNamespace,
		Chart: p.ChartName, Version: p.ChartVersion, ValuesDigest: p.ValuesDigest,
	}
}

// Prepare resolves and builds the chart of a HelmRelease and composes its
// values, in the order of the controller: access, source, values, chart.
//
// The generation of the HelmChart, which is part of the version of a chart
// with values files, is read from the HelmChart that the cluster holds; it is 1
// when the cluster holds none.
func (r *Renderer) Prepare(ctx context.Context, in render.Input) (Prepared, *Failed) {
	return r.prepare(ctx, in, r.resolve)
}

// PrepareStored is Prepare with the chart that source-controller has stored
// before: a HelmChart that fails for a while, as that of a repository that is
// gone, leaves it in place, and helm-controller takes it.
func (r *Renderer) PrepareStored(ctx context.Context, in render.Input, stored *Chart) (Prepared, *Failed) {
	return r.prepare(ctx, in, func(_ context.Context, _ render.Input, p *Prepared) *Failed {
		p.Chart = stored
		return nil
	})
}

// resolver finds the chart of a release.
type resolver func(context.Context, render.Input, *Prepared) *Failed

func (r *Renderer) prepare(ctx context.Context, in render.Input, resolve resolver) (Prepared, *Failed) {
	hr, err := decode(in.Object)
	if err != nil {
		return Prepared{}, failed(in, render.Condition{}, finding.Problem{Reason: ReasonSpec, Message: err.Error()})
	}
	p := Prepared{
		HelmRelease: hr, ReleaseName: ReleaseName(hr),
		ReleaseNamespace: hr.GetReleaseNamespace(), StorageNamespace: hr.GetStorageNamespace(),
	}
	if f := resolve(ctx, in, &p); f != nil {
		return p, f
	}
	if f := composeValues(ctx, in, &p); f != nil {
		return p, f
	}
	loaded, err := p.Chart.Load()
	if err != nil {
		return p, failed(in, notReady("ArtifactFailed", "Could not load chart: "+err.Error()),
			finding.Problem{Reason: ReasonChartPackage, Field: chartField(hr), Message: fmt.Sprintf("the chart cannot be read: %s", err)})
	}
	p.ChartName, p.ChartVersion, p.AppVersion = loaded.Name(), loaded.Metadata.Version, loaded.AppVersion()
	p.ValuesDigest = chartutil.DigestValues(digest.Canonical, p.Values).String()
	return p, nil
}

// Prepare is Renderer.Prepare of a Renderer without cache.
func Prepare(ctx context.Context, in render.Input) (Prepared, *Failed) {
	return New(Options{}).Prepare(ctx, in)
}

// chartField is the field that says which chart is meant.
func chartField(hr *v2.HelmRelease) string {
	if hr.Spec.ChartRef != nil {
		return "/spec/chartRef"
	}
	return "/spec/chart"
}

// resolve finds and builds the chart.
func (r *Renderer) resolve(ctx context.Context, in render.Input, p *Prepared) *Failed {
	hr := p.HelmRelease
	if (hr.Spec.Chart == nil) == (hr.Spec.ChartRef == nil) {
		return failed(in, render.Condition{}, finding.Problem{
			Reason: ReasonSpec, Field: "/spec", Message: "either spec.chart or spec.chartRef must be set, and only one of them",
		})
	}
	if hr.Spec.Chart != nil {
		if f := sourceTemplate(in); f != nil {
			return f
		}
		return r.fromTemplate(ctx, in, p)
	}
	ref, _ := sourceOf(hr)
	if f := accessToChartRef(in, ref); f != nil {
		return f
	}
	if ref.Kind == "HelmChart" {
		return r.fromHelmChart(ctx, in, p)
	}
	return r.fromArtifact(ctx, in, p)
}

// sourceTemplate is Unknown where spec.chart makes another source than a
// HelmChart, as it may since Flux 2.10.
func sourceTemplate(in render.Input) *Failed {
	kind, _, _ := unstructured.NestedString(in.Object.Object, "spec", "chart", "kind")
	if kind == "" || kind == "HelmChart" || !in.Settings.Since(10) {
		return nil
	}
	return unknown(in, finding.Problem{
		Reason: ReasonChartTemplate, Field: "/spec/chart/kind",
		Message: fmt.Sprintf("the chart comes from an %s that helm-controller makes, which is not built here", kind),
		Hint:    "declare the " + kind + " and name it in spec.chartRef to have the release rendered",
	})
}

// accessToChartRef is a Failed when a flag of the controller forbids the reference.
func accessToChartRef(in render.Input, ref finding.Ref) *Failed {
	text, hint := "", ""
	switch {
	case in.Settings.HelmNoCrossNamespaceRefs && ref.Namespace != in.Object.GetNamespace():
		text = fmt.Sprintf("cross-namespace references are not allowed: cannot access %s %s/%s", ref.Kind, ref.Namespace, ref.Name)
		hint = fmt.Sprintf("put the %s into namespace %q", ref.Kind, in.Object.GetNamespace())
	case ref.Kind == "ExternalArtifact" && !in.Settings.HelmExternalArtifact:
		text = fmt.Sprintf("can't access '%s/%s/%s', ExternalArtifact feature gate is disabled", ref.Kind, ref.Namespace, ref.Name)
		hint = "start helm-controller with --feature-gates=ExternalArtifact=true"
	default:
		return nil
	}
	f := failed(in, notReady("AccessDenied", text), finding.Problem{Reason: ReasonAccess, Field: "/spec/chartRef", Message: text, Hint: hint})
	f.Stalled = true
	return f
}
