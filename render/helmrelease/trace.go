package helmrelease

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// maxTraced is how many values and lines of a template are changed on trial to
// find out where a field comes from.
const maxTraced = 24

// Trace finds the line to edit for a field of an object of a release: the value
// under spec.values that the field has, else the line of the template that
// writes it. Nothing is guessed: the chart is rendered with another value, or
// without the line, and the field has to change. It is zero where none does.
func (r *Renderer) Trace(ctx context.Context, in render.Input, object finding.Ref, pointer string) finding.Position {
	p, f := r.Prepare(ctx, in)
	if f != nil || pointer == "" {
		return finding.Position{}
	}
	t := tracer{renderer: r, in: in, prepared: p, object: object, pointer: pointer}
	rendered := t.render(ctx, p.Values, nil)
	if rendered == nil {
		return finding.Position{}
	}
	t.field, t.template = at(rendered.Object, pointer), rendered.Origin.Note
	if t.field != nil {
		if pos := t.value(ctx); !pos.IsZero() {
			return pos
		}
	}
	// A field that is missing is missing in what is around it.
	for t.field == nil && t.pointer != "" {
		t.pointer = t.pointer[:strings.LastIndexByte(t.pointer, '/')]
		t.field = at(rendered.Object, t.pointer)
	}
	if t.pointer == "" {
		return finding.Position{}
	}
	return t.line(ctx)
}

// tracer looks for what makes one field.
type tracer struct {
	renderer *Renderer
	in       render.Input
	prepared Prepared
	object   finding.Ref
	pointer  string
	field    any    // as it is rendered
	template string // that yields the object
}

// render returns the object as it is under other values and with a changed
// chart, nil where there is none.
func (t *tracer) render(ctx context.Context, values map[string]any, edit func(*helmchart.Chart)) *render.Object {
	p := t.prepared
	p.Values = values
	run := &renderRun{renderer: t.renderer, in: t.in, prepared: p, edit: edit}
	hooks, manifests, err := run.manifests(ctx)
	if err != nil {
		return nil
	}
	applies, hooked, err := run.objects(ctx, hooks, manifests)
	if err != nil {
		return nil
	}
	for _, o := range slices.Concat(applies, hooked) {
		if o.Ref() == t.object {
			return o
		}
	}
	return nil
}

// at is what a JSON pointer names, nil for nothing.
func at(v any, pointer string) any {
	for _, token := range finding.Tokens(pointer) {
		switch part := v.(type) {
		case map[string]any:
			v = part[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(part) {
				return nil
			}
			v = part[i]
		default:
			return nil
		}
	}
	return v
}

// value is the place of the value that the field has, or of the only one that
// it is made from.
func (t *tracer) value(ctx context.Context) finding.Position {
	own, _ := at(t.in.Object.Object, "/spec/values").(map[string]any)
	text := fmt.Sprint(t.field)
	var same, part []string
	for _, pointer := range leaves(own, "") {
		switch leaf := fmt.Sprint(at(own, pointer)); {
		case leaf == text:
			same = append(same, pointer)
		case leaf != "" && strings.Contains(text, leaf):
			part = append(part, pointer)
		}
	}
	var proven []string
	for i, pointer := range slices.Concat(same, part) {
		if i == maxTraced {
			break
		}
		if !t.depends(ctx, pointer, another(at(own, pointer))) {
			continue
		}
		if i < len(same) {
			return t.in.Object.At("/spec/values" + pointer)
		}
		proven = append(proven, pointer)
	}
	if len(proven) == 1 {
		return t.in.Object.At("/spec/values" + proven[0])
	}
	return finding.Position{}
}

// depends reports whether the field becomes another one with another value.
func (t *tracer) depends(ctx context.Context, pointer string, other any) bool {
	values, _ := copyValues(t.prepared.Values).(map[string]any)
	if !replace(values, pointer, other) {
		return false
	}
	o := t.render(ctx, values, nil)
	return o != nil && !reflect.DeepEqual(at(o.Object, t.pointer), t.field)
}

// leaves lists the JSON pointers of the values below a value, sorted.
func leaves(v any, pointer string) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, leaves(v[k], pointer+finding.Pointer(k))...)
		}
	case []any:
		for i, e := range v {
			out = append(out, leaves(e, item(pointer, i))...)
		}
	case nil:
	default:
		out = append(out, pointer)
	}
	return out
}

// another is a value of the same type that differs.
func another(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case string:
		return v + "0"
	case int64:
		return v + 1
	case float64:
		return v + 1
	}
	return fmt.Sprint(v) + "0"
}

// replace sets a value that is there, and reports whether it is.
func replace(values map[string]any, pointer string, v any) bool {
	tokens := finding.Tokens(pointer)
	last := tokens[len(tokens)-1]
	switch parent := at(values, finding.Pointer(tokens[:len(tokens)-1]...)).(type) {
	case map[string]any:
		if _, ok := parent[last]; ok {
			parent[last] = v
			return true
		}
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i < len(parent) {
			parent[i] = v
			return true
		}
	}
	return false
}

// line is the line of the object's template that has the key of the field, and
// without which the field goes, and what it stands in stays.
func (t *tracer) line(ctx context.Context) finding.Position {
	path := t.prepared.ChartName + "/" + t.template
	if t.prepared.Chart.file(path) == nil {
		return finding.Position{}
	}
	loaded, err := t.prepared.Chart.Load()
	if err != nil {
		return finding.Position{}
	}
	key, around := keyOf(t.pointer)
	tried := 0
	for _, f := range loaded.Templates {
		if f.Name != t.template || key == "" {
			continue
		}
		lines := bytes.SplitAfter(f.Data, []byte("\n"))
		for i, l := range lines {
			before, _, ok := bytes.Cut(l, []byte(key+":"))
			if indent := strings.Trim(string(before), " \t-\"'"); !ok || indent != "" || tried == maxTraced {
				continue
			}
			tried++
			without := bytes.Join([][]byte{bytes.Join(lines[:i], nil), before, []byte("x-" + key + ":"), l[len(before)+len(key)+1:], bytes.Join(lines[i+1:], nil)}, nil)
			o := t.render(ctx, t.prepared.Values, func(c *helmchart.Chart) { rewrite(c, t.template, without) })
			if o != nil && at(o.Object, around) != nil && !reflect.DeepEqual(at(o.Object, t.pointer), t.field) {
				return t.prepared.Chart.position(path, i+1, len(before)+1)
			}
		}
	}
	return finding.Position{}
}

// keyOf is the last key of a JSON pointer that is no index, and a pointer to
// what it stands in.
func keyOf(pointer string) (key, around string) {
	tokens := finding.Tokens(pointer)
	for i, token := range slices.Backward(tokens) {
		if _, err := strconv.Atoi(token); err != nil {
			return token, finding.Pointer(tokens[:i]...)
		}
	}
	return "", ""
}

// rewrite puts other content into a template of a chart.
func rewrite(c *helmchart.Chart, name string, data []byte) {
	for i, f := range c.Templates {
		if f.Name == name {
			c.Templates[i] = &helmchart.File{Name: name, Data: data}
		}
	}
}
