package helmrelease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/effort"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// renderRun is one render of one release.
type renderRun struct {
	renderer *Renderer
	in       render.Input
	prepared Prepared
	chart    *helmchart.Chart  // loaded for this render, dependencies processed
	beyond   string            // why the chart needs Helm 4, empty if its templates decide
	files    map[string]string // what the templates yielded
	crds     []*render.Object
	scopes   map[schema.GroupKind]string // in the cluster, asked for once
	problems []finding.Problem
	edit     func(*helmchart.Chart) // changes the chart before it is rendered, nil for nothing
}

// renderValues is what templates see.
type renderValues struct {
	top          chartutil.Values // with the values of the release and the defaults of the chart
	release      chartutil.ReleaseOptions
	capabilities *chartutil.Capabilities
	kubeVersion  string // as the cluster states it
}

// patience is how long the templates of a chart may run, also by the processor
// time that the process takes: on a busy machine honest ones wait. Those of
// large charts take a second.
const patience = 20 * time.Second

// errTime is a chart whose templates do not end.
var errTime = errors.New("the templates of the chart do not come to an end")

// maxYield is how much text all templates of a chart may yield together. Helm
// keeps it compressed in a Secret, which holds a megabyte.
const maxYield = 32 << 20

// errYield is a chart whose templates yield too much.
var errYield = fmt.Errorf("the templates of the chart yield more than %d megabytes of text, which no release may have", maxYield>>20)

// templates renders the templates of the chart: texts by path. Notes are left out.
func (r *renderRun) templates(ctx context.Context) (map[string]string, error) {
	values, err := r.compose(ctx)
	if err != nil {
		return nil, err
	}
	if want := r.chart.Metadata.KubeVersion; want != "" {
		have := values.capabilities.KubeVersion.Version
		if !chartutil.IsCompatibleRange(want, plainVersion(have)) {
			return nil, &kubeVersionError{want: want, have: have}
		}
	}
	files, err := r.execute(ctx, values)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, text := range files {
		if size += len(text); size > maxYield {
			return nil, errYield
		}
	}
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
	return files, nil
}

type kubeVersionError struct{ want, have string }

// Error words it as Helm does.
func (e *kubeVersionError) Error() string {
	return fmt.Sprintf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", e.want, e.have)
}

// plainVersion is a Kubernetes version without what vendors add, which
// constraints are held against.
func plainVersion(version string) string {
	if v, err := chartutil.ParseKubeVersion(version); err == nil {
		return v.Version
	}
	return version
}

// compose makes what templates see: values with the defaults of the chart,
// checked against the schemas, the release and the capabilities.
func (r *renderRun) compose(ctx context.Context) (renderValues, error) {
	out := renderValues{
		release: chartutil.ReleaseOptions{
			Name: r.prepared.ReleaseName, Namespace: r.prepared.ReleaseNamespace,
			Revision: max(1, r.in.Revision), IsInstall: !r.in.Upgrade, IsUpgrade: r.in.Upgrade,
		},
	}
	out.kubeVersion, out.capabilities = r.capabilities(ctx)
	user, _ := copyValues(r.prepared.Values).(map[string]any)
	dropNullDefaults(r.chart, user)
	top, err := chartutil.ToRenderValuesWithSchemaValidation(r.chart, user, out.release, out.capabilities, true)
	if err != nil {
		return out, err
	}
	composed, err := top.Table("Values")
	if err != nil {
		return out, err
	}
	dropNulls(r.chart, composed)
	out.top = top
	if r.validatesSchema() {
		err = r.checkSchemas(composed)
	}
	return out, err
}

func (r *renderRun) validatesSchema() bool {
	hr := r.prepared.HelmRelease
	if r.in.Upgrade {
		return !hr.GetUpgrade().DisableSchemaValidation
	}
	return !hr.GetInstall().DisableSchemaValidation
}

// capabilities are those of the cluster, and what the CRDs of the chart add.
// The version is the one that the cluster states, with what vendors add.
func (r *renderRun) capabilities(ctx context.Context) (version string, caps *chartutil.Capabilities) {
	have := r.consult(ctx)
	caps = capabilitiesOfHelm4()
	if v, err := chartutil.ParseKubeVersion(have.KubeVersion); err == nil {
		caps.KubeVersion = *v
		caps.KubeVersion.Version = "v" + strings.TrimPrefix(have.KubeVersion, "v")
	}
	versions := slices.Clone(have.APIVersions)
	for _, crd := range r.crds {
		versions = append(versions, render.ServedBy(crd.Unstructured)...)
	}
	slices.Sort(versions)
	caps.APIVersions = slices.Compact(versions)
	return have.KubeVersion, caps
}

// execute runs the templates: with Helm 3 where it yields what the controller
// yields, else with Helm 4, which also has the last word on what Helm 3 refuses.
func (r *renderRun) execute(ctx context.Context, values renderValues) (map[string]string, error) {
	ctx, cancel := effort.Limit(ctx, r.renderer.options.Timeout, errTime)
	defer cancel()
	noted := len(r.problems)
	if r.needsHelm4(values) == "" {
		files, err := r.within(ctx, func(look *lookups) (map[string]string, error) {
			return engine.RenderWithClientProvider(r.chart, values.top, look)
		})
		if err == nil || ctx.Err() != nil {
			return files, err
		}
		r.problems = r.problems[:noted]
	}
	return r.within(ctx, func(look *lookups) (map[string]string, error) { return r.renderHelm4(values, look) })
}

// needsHelm4 says why the release needs Helm 4, empty if it does not.
func (r *renderRun) needsHelm4(values renderValues) string {
	if r.beyond != "" {
		return r.beyond
	}
	return r.renderer.surveys.beyond(r.chart, values.top)
}

// within runs an engine until the context ends, and notes what its look-ups find out.
func (r *renderRun) within(ctx context.Context, run func(*lookups) (map[string]string, error)) (map[string]string, error) {
	type result struct {
		files map[string]string
		err   error
	}
	look := &lookups{ctx: ctx, run: r}
	done := make(chan result, 1)
	go func() {
		files, err := run(look)
		done <- result{files, err}
	}()
	select {
	case got := <-done:
		r.problems = append(r.problems, look.problems...)
		return got.files, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
