package helmrelease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// renderRun is one render of one release.
type renderRun struct {
	renderer *Renderer
	in       render.Input
	prepared Prepared
	chart    *helmchart.Chart  // loaded for this render, dependencies processed
	files    map[string]string // what the templates yielded
	crds     []*render.Object
	scopes   map[schema.GroupKind]string // of the CRDs of the cluster, read once
	problems []finding.Problem
}

// errTime is a chart whose templates do not end.
var errTime = errors.New("the templates of the chart do not end")

// templates renders the templates of the chart: texts by path. Notes are left out.
func (r *renderRun) templates(ctx context.Context) (map[string]string, error) {
	values, err := r.renderValues(ctx)
	if err != nil {
		return nil, err
	}
	if want := r.chart.Metadata.KubeVersion; want != "" {
		have := r.capabilities(ctx).KubeVersion
		if !chartutil.IsCompatibleRange(want, have.String()) {
			return nil, &kubeVersionError{want: want, have: have.Version}
		}
	}
	files, err := r.execute(ctx, values)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
	return files, nil
}

type kubeVersionError struct{ want, have string }

// Error words it as Helm does.
func (e *kubeVersionError) Error() string {
	return fmt.Sprintf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", e.want, e.have)
}

// renderValues is what templates see: values with the defaults of the chart,
// checked against the schemas, the release and the capabilities.
func (r *renderRun) renderValues(ctx context.Context) (common.Values, error) {
	options := common.ReleaseOptions{
		Name: r.prepared.ReleaseName, Namespace: r.prepared.ReleaseNamespace,
		Revision: max(1, r.in.Revision), IsInstall: !r.in.Upgrade, IsUpgrade: r.in.Upgrade,
	}
	values, _ := copyValues(r.prepared.Values).(map[string]any)
	top, err := util.ToRenderValuesWithSchemaValidation(r.chart, values, options, r.capabilities(ctx), true)
	if err != nil {
		return nil, err
	}
	if r.validatesSchema() {
		composed, err := top.Table("Values")
		if err != nil {
			return nil, err
		}
		if err := r.checkSchemas(composed); err != nil {
			return nil, err
		}
	}
	return top, nil
}

func (r *renderRun) validatesSchema() bool {
	hr := r.prepared.HelmRelease
	if r.in.Upgrade {
		return !hr.GetUpgrade().DisableSchemaValidation
	}
	return !hr.GetInstall().DisableSchemaValidation
}

// capabilities are those of the cluster, and what the CRDs of the chart add.
func (r *renderRun) capabilities(ctx context.Context) *common.Capabilities {
	have := r.in.Cluster.Capabilities(ctx)
	caps := common.DefaultCapabilities.Copy()
	if v, err := common.ParseKubeVersion(have.KubeVersion); err == nil {
		caps.KubeVersion = *v
	}
	versions := slices.Clone(have.APIVersions)
	for _, crd := range r.crds {
		versions = append(versions, servedVersions(crd)...)
	}
	slices.Sort(versions)
	caps.APIVersions = slices.Compact(versions)
	return caps
}

// execute runs the templates with the functions that are safe here.
func (r *renderRun) execute(ctx context.Context, values common.Values) (map[string]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.renderer.options.Timeout, errTime)
	defer cancel()
	type result struct {
		files map[string]string
		err   error
	}
	notes := &lookups{ctx: ctx, run: r}
	e := engine.Engine{CustomTemplateFuncs: newSteady(r.prepared.ReleaseNamespace+"/"+r.prepared.ReleaseName, r.renderer.options.Now, r.renderer.rsaKey).functions()}
	e.CustomTemplateFuncs["lookup"] = notes.lookup
	done := make(chan result, 1)
	go func() {
		files, err := e.Render(r.chart, values)
		done <- result{files, err}
	}()
	select {
	case got := <-done:
		r.problems = append(r.problems, notes.problems...)
		return got.files, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
