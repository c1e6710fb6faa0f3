package helmrelease

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v4/pkg/chart/common"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// schemaError is what the values schemas of a chart refuse.
type schemaError struct {
	text   string
	leaves []schemaLeaf
}

// schemaLeaf is one refused value.
type schemaLeaf struct{ pointer, message string }

// Error words it as Helm does.
func (e *schemaError) Error() string {
	return "values don't meet the specifications of the schema(s) in the following chart(s):\n" + e.text
}

// checkSchemas checks values against values.schema.json of the chart and of
// its subcharts. References are read from local copies only: Helm's own check
// would open a connection or any file.
func (r *renderRun) checkSchemas(values common.Values) error {
	e := &schemaError{}
	r.checkChart(r.chart, values, e)
	if e.text == "" {
		return nil
	}
	return e
}

func (r *renderRun) checkChart(c *helmchart.Chart, values map[string]any, e *schemaError) {
	path := strings.Split(c.ChartPath(), ".")[1:]
	if c.Schema != nil {
		if err := r.checkSchema(values, c.Schema); err != nil {
			e.text += c.Name() + ":\n" + schemaText(err)
			e.leaves = append(e.leaves, schemaLeaves(err, path)...)
		}
	}
	for _, sub := range c.Dependencies() {
		raw, ok := values[sub.Name()]
		if !ok || raw == nil {
			continue
		}
		table, ok := raw.(map[string]any)
		if !ok {
			text := fmt.Sprintf("invalid type for values: expected object (map), got %T", raw)
			e.text += sub.Name() + ":\n" + text + "\n"
			e.leaves = append(e.leaves, schemaLeaf{finding.Pointer(append(slices.Clone(path), sub.Name())...), text})
			continue
		}
		r.checkChart(sub, table, e)
	}
}

// schemaURL is the name that Helm gives to the schema of a chart.
const schemaURL = "file:///values.schema.json"

func (r *renderRun) checkSchema(values map[string]any, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("unable to validate schema: %v", p)
		}
	}()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(schemaLoader{run: r})
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return err
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil {
		return err
	}
	return compiled.Validate(values)
}

// schemaText is the error as Helm prints it.
func schemaText(err error) string {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	return strings.TrimPrefix(err.Error(), "jsonschema validation failed with '"+schemaURL+"#'\n") + "\n"
}

// schemaLeaves are the refused values, with pointers into the values of the release.
func schemaLeaves(err error, path []string) []schemaLeaf {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []schemaLeaf{{finding.Pointer(path...), err.Error()}}
	}
	if len(invalid.Causes) == 0 {
		text := strings.TrimSpace(schemaText(invalid))
		if _, after, ok := strings.Cut(text, "': "); ok {
			text = after
		}
		return []schemaLeaf{{finding.Pointer(append(slices.Clone(path), invalid.InstanceLocation...)...), text}}
	}
	var out []schemaLeaf
	for _, cause := range invalid.Causes {
		out = append(out, schemaLeaves(cause, path)...)
	}
	return out
}

// schemaLoader loads the documents that a values schema refers to.
type schemaLoader struct{ run *renderRun }

// Load implements jsonschema.URLLoader. A remote document that is not at hand
// allows everything; a file does not exist in the controller either.
func (l schemaLoader) Load(url string) (any, error) {
	if name, ok := strings.CutPrefix(url, "file://"); ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("no such file or directory")}
	}
	if name, ok := l.run.renderer.options.HTTP(url); ok {
		data, err := os.ReadFile(name)
		if err == nil {
			return jsonschema.UnmarshalJSON(bytes.NewReader(data))
		}
	}
	l.run.problems = append(l.run.problems, located(l.run.in, finding.Problem{
		Reason: ReasonSchemaRef, Field: chartField(l.run.prepared.HelmRelease),
		Message: fmt.Sprintf("the values schema of the chart refers to %q, which is not at hand and is not checked", url),
		Hint:    fmt.Sprintf("add it to the source map: {kind: HTTP-JSONSchema, url: %q, path: FILE}", url),
	}))
	return true, nil
}
