package helmrelease

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// maxFuzz bounds the texts that a fuzzer makes up.
const maxFuzz = 1000

func table(text string) (map[string]any, bool) {
	out := map[string]any{}
	err := yaml.Unmarshal([]byte(text), &out)
	return out, err == nil && out != nil
}

// FuzzRender renders a chart with a subchart in our way, twice, and with the
// action of Helm 4.
func FuzzRender(f *testing.F) {
	for _, row := range [][4]string{
		{configMap + "data: {a: {{ .Values.a | quote }}}\n", "a: 1\n", "a: null\nsub: {b: 2}\n", "sub: {b: null}\n"},
		{"{{ range $k, $v := .Values }}---\n" + configMapNamed("{{ $k }}") + "{{ end }}", "x: {y: [1]}\n", "global: {g: 1}\n", "x: {y: null}\n"},
		{configMap + "data:\n  a: |\n    {{ tpl .Values.t . | nindent 4 }}\n", "t: '{{ .Values.u | default `z` }}'\n", "a: text\n", "u: 1.50\n"},
		{"apiVersion: v1\nkind: List\nitems:\n- {{ toJson .Values }}\n", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n", "", ""},
		{hook + "--- # second\n" + account, "", "", ""},
		{configMap + "data: {a: {{ keys .Values | join `,` }}, b: {{ until 3 | len }}, c: {{ seq 1 2 9 }}, d: {{ randAlphaNum 5 }}}\n...\nrest", "", "", ""},
		{"{{ fail .Values.m }}", "m: no\n", "", "m: yes\n"},
		{configMap + "x: &a [1]\ny: *a\n", "", "", ""},
	} {
		f.Add(row[0], row[1], row[2], row[3])
	}
	f.Fuzz(func(t *testing.T, template, values, sub, user string) {
		spec, ok := table(user)
		if !ok || len(template)+len(values)+len(sub)+len(user) > maxFuzz || strings.Contains(template, "lookup") {
			t.Skip()
		}
		files := joined(subchart("sub", sub), map[string]string{"values.yaml": values, "templates/b.yaml": template})
		files["charts/sub/templates/b.yaml"] = template
		in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, files)}})
		in.Cluster = offlineCluster{}
		if err := unstructured.SetNestedMap(in.Object.Object, spec, "spec", "values"); err != nil {
			t.Skip()
		}
		before, err := json.Marshal(in.Object.Object)
		if err != nil {
			t.Skip()
		}
		compareWithAction(t, in)
		r := New(Options{Namespaced: scopes})
		first, second := everything(t, r.Render(t.Context(), in)), everything(t, r.Render(t.Context(), in))
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Errorf("two renders differ:\n%s", diff)
		}
		if after, err := json.Marshal(in.Object.Object); err != nil || string(after) != string(before) {
			t.Errorf("the render changes the HelmRelease: %v", err)
		}
	})
}

// FuzzValues composes values. Sources of values without a target path are
// merged in their order, and the inline values are merged last.
func FuzzValues(f *testing.F) {
	f.Add("a: 1\n", "b: {c: 2}\n", "b.c", "3", false, "a: null\n")
	f.Add("y: 1\nn: 2\n", "{}", "l[1]", "{x,y}", false, "l: [0]\n")
	f.Add("", "a: [1]", `a\.b`, "x=1,[y]", true, "a: {b: 1}\n")
	f.Add("a: 1\n", "a: {b: 1}", "a.b[0].c", "'007'", false, "")
	f.Fuzz(func(t *testing.T, one, two, path, value string, literal bool, inline string) {
		values, ok := table(inline)
		if !ok || len(one)+len(two)+len(path)+len(value)+len(inline) > maxFuzz {
			t.Skip()
		}
		hr := simple(t, "")
		from := []any{
			map[string]any{"kind": "ConfigMap", "name": "c", "valuesKey": "one"},
			map[string]any{"kind": "ConfigMap", "name": "c", "valuesKey": "two", "optional": true},
		}
		if path != "" {
			from = append(from, map[string]any{"kind": "ConfigMap", "name": "c", "valuesKey": "value", "targetPath": path, "literal": literal})
		}
		spec, _ := hr.Object["spec"].(map[string]any)
		spec["values"], spec["valuesFrom"] = values, from
		c := cluster{objects: []*unstructured.Unstructured{{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "namespace": "team"},
			"data": map[string]any{"one": one, "two": two, "value": value},
		}}}}
		in := input(hr, c, sources{charts: map[string]source.Chart{"demo": chart(t, nil)}})
		first, failure := Prepare(t.Context(), in)
		second, again := Prepare(t.Context(), in)
		if diff := cmp.Diff(first.Values, second.Values); diff != "" || (failure == nil) != (again == nil) {
			t.Fatalf("values composed twice differ:\n%s", diff)
		}
		if failure != nil {
			checkFailure(t, failure)
			return
		}
		a, okA := table(one)
		b, okB := table(two)
		if path == "" && okA && okB {
			want := overlaid(overlaid(a, b), values)
			if diff := cmp.Diff(asJSON(t, want), asJSON(t, first.Values)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		}
	})
}

func checkFailure(t *testing.T, f *Failed) {
	t.Helper()
	if f.State != render.Failed || f.Problem.Pos == (finding.Position{}) || f.Problem.Message == "" {
		t.Errorf("a failure without state, place or message: %+v", f)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// overlaid merges the second table over the first one; tables are merged, all
// else is replaced.
func overlaid(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		a, isTable := v.(map[string]any)
		b, wasTable := out[k].(map[string]any)
		if isTable && wasTable {
			out[k] = overlaid(b, a)
			continue
		}
		out[k] = v
	}
	return out
}

// TestFuzzSeeds keeps the helpers of the fuzz targets honest.
func TestFuzzSeeds(t *testing.T) {
	got := overlaid(map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": 1}, map[string]any{"a": map[string]any{"c": nil}, "d": map[string]any{}})
	if diff := cmp.Diff(`map[a:map[b:1 c:<nil>] d:map[]]`, fmt.Sprint(got)); diff != "" {
		t.Error(diff)
	}
}
