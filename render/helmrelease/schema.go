package helmrelease

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// schemaError is what the values schemas of a chart refuse.
type schemaError struct {
	compile func(data []byte) compiledSchema
	text    string
	leaves  []schemaLeaf
	absent  []string // documents that the check went without
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
func (r *renderRun) checkSchemas(values chartutil.Values) error {
	e := &schemaError{compile: func(data []byte) compiledSchema { return r.renderer.schemas.compile(data, r.renderer.options.HTTP) }}
	e.checkChart(r.chart, values)
	r.absentSchemas(e.absent)
	if e.text == "" {
		return nil
	}
	return e
}

func (e *schemaError) checkChart(c *helmchart.Chart, values map[string]any) {
	path := strings.Split(c.ChartPath(), ".")[1:]
	if c.Schema != nil {
		compiled := e.compile(c.Schema)
		e.absent = append(e.absent, compiled.absent...)
		if err := compiled.check(values); err != nil {
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
		e.checkChart(sub, table)
	}
}

// CheckValues holds values against one values schema. References are read from
// local copies only. The error is worded as Helm words it for one chart.
func (r *Renderer) CheckValues(schema []byte, values map[string]any) error {
	if err := r.schemas.compile(schema, r.options.HTTP).check(values); err != nil {
		return errors.New(schemaText(err))
	}
	return nil
}

// schemaURL is the name that Helm gives to the schema of a chart.
const schemaURL = "file:///values.schema.json"

// schemaCache compiles each schema once.
type schemaCache struct{ entries sync.Map }

type compiledSchema struct {
	schema *jsonschema.Schema // nil when a part of an absent document is referred to
	absent []string           // documents that are not at hand
	err    error
}

func (c *schemaCache) compile(data []byte, local func(url string) (string, bool)) compiledSchema {
	entry, _ := c.entries.LoadOrStore(sha256.Sum256(data), sync.OnceValue(func() compiledSchema {
		return compileSchema(data, schemaLoader{local: local, absent: map[string]bool{}})
	}))
	return entry.(func() compiledSchema)()
}

func compileSchema(data []byte, l schemaLoader) (out compiledSchema) {
	defer func() {
		if p := recover(); p != nil {
			out.err = fmt.Errorf("unable to validate schema: %v", p)
		}
	}()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return compiledSchema{err: err}
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(l)
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return compiledSchema{err: err}
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil && len(l.absent) > 0 {
		// A part of an absent document is referred to. The compiler stops at
		// the first one, in no fixed order.
		clear(l.absent)
		l.remote(doc, schemaURL)
		compiled, err = nil, nil
	}
	return compiledSchema{schema: compiled, absent: slices.Sorted(maps.Keys(l.absent)), err: err}
}

func (c compiledSchema) check(values map[string]any) (err error) {
	if c.err != nil || c.schema == nil {
		return c.err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("unable to validate schema: %v", p)
		}
	}()
	err = c.schema.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		sortCauses(invalid)
	}
	return err
}

// sortCauses puts what is refused in an order that does not depend on maps.
func sortCauses(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		sortCauses(cause)
	}
	slices.SortStableFunc(e.Causes, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.Error(), b.Error()))
	})
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
type schemaLoader struct {
	local  func(url string) (path string, ok bool)
	absent map[string]bool // documents that are not at hand
}

// Load implements jsonschema.URLLoader. A remote document that is not at hand
// allows everything; a file does not exist in the controller either.
func (l schemaLoader) Load(at string) (any, error) {
	if name, ok := strings.CutPrefix(at, "file://"); ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("no such file or directory")}
	}
	if name, ok := l.local(at); ok {
		if data, err := os.ReadFile(name); err == nil {
			return jsonschema.UnmarshalJSON(bytes.NewReader(data))
		}
	}
	l.absent[at] = true
	return true, nil
}

// remote notes all documents that a schema refers to and that are not at hand.
// A reference counts from the nearest $id around it.
func (l schemaLoader) remote(schema any, around string) {
	switch s := schema.(type) {
	case map[string]any:
		if id, ok := s["$id"].(string); ok {
			around = against(around, id)
		}
		ref, _ := s["$ref"].(string)
		name, _, _ := strings.Cut(ref, "#")
		at := against(around, name)
		if name != "" && (strings.HasPrefix(at, "http://") || strings.HasPrefix(at, "https://")) {
			if _, ok := l.local(at); !ok {
				l.absent[at] = true
			}
		}
		for _, v := range s {
			l.remote(v, around)
		}
	case []any:
		for _, v := range s {
			l.remote(v, around)
		}
	}
}

func against(around, ref string) string {
	b, err := url.Parse(around)
	if err != nil {
		return ref
	}
	u, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return u.String()
}

// absentSchemas states which documents the check went without.
func (r *renderRun) absentSchemas(urls []string) {
	if len(urls) == 0 {
		return
	}
	slices.Sort(urls)
	urls = slices.Compact(urls)
	r.problems = append(r.problems, located(r.in, finding.Problem{
		Reason: ReasonSchemaRef, Field: chartField(r.prepared.HelmRelease),
		Message: fmt.Sprintf("the values schema of the chart %q refers to documents that are not at hand and are not checked: %s", r.chart.Name(), strings.Join(urls, ", ")),
		Hint:    fmt.Sprintf("add each to the source map: {kind: HTTP-JSONSchema, url: %q, path: FILE}", urls[0]),
	}))
}
