package helmrelease

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// build makes the chart of a HelmChart as source-controller does.
type build struct {
	renderer   *Renderer
	in         render.Input
	spec       sourcev1.HelmChartSpec
	namespace  string // of the HelmChart and its source
	generation int64  // of the HelmChart
	fields     string // JSON pointer of the spec in the object that the user wrote
	chart      source.Chart
}

// folder reports whether the chart is a folder, not an archive.
func (b build) folder() bool { return b.chart.Archive == nil }

// repository reports whether the chart comes from a Helm repository.
func (b build) repository() bool { return b.spec.SourceRef.Kind == sourcev1.HelmRepositoryKind }

// valuesFiles are the files that replace values.yaml. A list of only
// values.yaml is none.
func (b build) valuesFiles() []string {
	if len(b.spec.ValuesFiles) == 1 && path.Clean(b.spec.ValuesFiles[0]) == valuesFile {
		return nil
	}
	return b.spec.ValuesFiles
}

// shortDigest is how many digits of a commit or digest end up in a version.
const shortDigest = 12

// metadata is what the controller adds to the version of the chart.
func (b build) metadata() string {
	var parts []string
	if !b.repository() && b.spec.ReconcileStrategy == sourcev1.ReconcileStrategyRevision {
		revision := b.chart.Revision[strings.LastIndexAny(b.chart.Revision, ":/@")+1:]
		parts = append(parts, revision[:min(len(revision), shortDigest)])
	}
	if len(b.valuesFiles()) > 0 {
		parts = append(parts, strconv.FormatInt(b.generation, 10))
	}
	return strings.Join(parts, ".")
}

func (b build) run(ctx context.Context) (*Chart, *buildError) {
	files, origins, err := b.files()
	if err != nil && b.folder() {
		return nil, refuse("ChartPackageError", err.Error(), finding.Problem{Reason: ReasonChartPackage, Field: b.fields + "/chart"})
	}
	var meta *helmchart.Metadata
	if err == nil {
		meta, err = chartMetadata(files)
	}
	if err != nil {
		return nil, b.noChart("load", err)
	}
	if err := meta.Validate(); err != nil {
		return nil, b.noChart("validate", err)
	}
	metadata := b.metadata()
	if metadata == "" && !b.folder() {
		// Only helm-controller loads a chart that is passed on as it is.
		return &Chart{files: files, origins: origins, verbatim: b.chart.Archive}, nil
	}
	version := meta.Version
	if b.repository() {
		version = either(b.chart.Version, version)
	}
	if metadata != "" {
		if version, err = versionWithMetadata(version, metadata); err != nil {
			return nil, refuse("MetadataPatchError", err.Error(), finding.Problem{Reason: ReasonChartMetadata, Field: b.fields + "/chart"})
		}
	}
	if version != meta.Version {
		if files, err = withVersion(files, version); err != nil {
			return nil, refuse("ChartPackageError", err.Error(), finding.Problem{Reason: ReasonChartPackage, Field: b.fields + "/chart"})
		}
	}
	if len(b.valuesFiles()) > 0 {
		var refused *buildError
		if files, refused = b.replaceValues(files); refused != nil {
			return nil, refused
		}
	}
	c, refused := b.loadable(&Chart{files: files, origins: origins})
	if refused != nil || !b.folder() || b.repository() {
		return c, refused
	}
	return b.addDependencies(ctx, c)
}

// noChart is a folder or archive whose metadata cannot be used. Charts of a
// repository are looked at after the download.
func (b build) noChart(step string, err error) *buildError {
	p := finding.Problem{Reason: ReasonChartReference, Field: b.fields + "/chart", Message: fmt.Sprintf("%q is no chart: %s", b.spec.Chart, err)}
	switch {
	case b.repository() && step == "load":
		return refuse("ChartPullError", "failed to load chart metadata from written chart: "+err.Error(), p)
	case b.repository():
		return refuse("ChartPullError", "failed to validate metadata of written chart: "+err.Error(), p)
	}
	p.Hint = "name the folder that holds Chart.yaml"
	return refuse("InvalidChartReference", err.Error(), p)
}

// loadable returns the chart if Helm can load it.
func (b build) loadable(c *Chart) (*Chart, *buildError) {
	if _, err := c.Load(); err != nil {
		return nil, refuse("ChartPackageError", fmt.Sprintf("failed to load chart from /%s: %s", b.chart.Path, err),
			finding.Problem{Reason: ReasonChartPackage, Field: b.fields + "/chart", Message: fmt.Sprintf("the chart cannot be read: %s", err)})
	}
	return c, nil
}

// files are the files of the chart, and where those of a folder stand.
func (b build) files() ([]*loader.BufferedFile, map[string]*repo.File, error) {
	if !b.folder() {
		files, err := b.renderer.charts.unpack(b.chart.Archive)
		return files, nil, err
	}
	return folderFiles(b.chart.Files)
}
