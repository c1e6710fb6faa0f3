package helmrelease

import (
	"fmt"
	"path"
	"strings"

	"github.com/fluxcd/pkg/runtime/transform"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// replaceValues merges the values files into one and puts it in the place of
// values.yaml. Files of a chart in Git or a Bucket are found from the root of
// the artifact, files of a chart of a repository inside the chart.
func (b build) replaceValues(files []*loader.BufferedFile) ([]*loader.BufferedFile, *buildError) {
	merged := map[string]any{}
	for i, name := range b.spec.ValuesFiles {
		data, found := b.valuesData(files, name)
		if !found && b.spec.IgnoreMissingValuesFiles {
			continue
		}
		field := item(b.fields+"/valuesFiles", i)
		if !found {
			return nil, b.noValuesFile(name, field)
		}
		values := map[string]any{}
		if err := yaml.Unmarshal(data, &values); err != nil {
			return nil, b.valuesError(fmt.Sprintf("unmarshaling values from '%s' failed: %s", name, err), field)
		}
		merged = transform.MergeMaps(merged, values)
	}
	var data []byte
	if len(merged) > 0 {
		var err error
		if data, err = yaml.Marshal(chartutil.Values(merged)); err != nil {
			return nil, b.valuesError(err.Error(), b.fields+"/valuesFiles")
		}
	}
	if fileNamed(files, valuesFile) == nil {
		return nil, b.valuesError("failed to locate values file: values.yaml", b.fields+"/chart")
	}
	return withFile(files, valuesFile, data), nil
}

func (b build) valuesData(files []*loader.BufferedFile, name string) ([]byte, bool) {
	if !b.repository() {
		return dataOf(b.chart.Root, inside(name))
	}
	name = path.Clean(name)
	if name == valuesFile || isPlain(name) {
		if f := fileNamed(files, name); f != nil {
			return f.Data, true
		}
	}
	return nil, false
}

// isPlain reports whether a file of a chart has no meaning to Helm, so that
// source-controller finds it there. Templates and subcharts do.
func isPlain(name string) bool {
	switch name {
	case chartFile, "Chart.lock", valuesFile, "values.schema.json":
		return false
	}
	return !strings.HasPrefix(name, "templates/") && !strings.HasPrefix(name, "charts/")
}

func dataOf(files []source.File, name string) ([]byte, bool) {
	for _, f := range files {
		if f.Path == name {
			return f.Data, true
		}
	}
	return nil, false
}

func (b build) noValuesFile(name, field string) *buildError {
	if b.repository() {
		e := b.valuesError(fmt.Sprintf("failed to merge chart values: no values file found at path '%s'", name), field)
		e.problem.Message = fmt.Sprintf("the chart has no values file %q", name)
		return e
	}
	at := inside(name)
	e := b.valuesError(fmt.Sprintf("no values file found at path '/%s' (reference '%s')", at, name), field)
	e.problem.Message = fmt.Sprintf("the source has no values file %q", at)
	e.problem.Hint = "write the path from the root of the source, not from the chart"
	if _, ok := dataOf(b.chart.Root, inside(b.chart.Path, name)); ok {
		e.problem.Hint = fmt.Sprintf("write %q: the path counts from the root of the source", inside(b.chart.Path, name))
	}
	return e
}

func (b build) valuesError(text, field string) *buildError {
	return refuse("ValuesFilesError", text, finding.Problem{Reason: ReasonValuesFiles, Field: field})
}
