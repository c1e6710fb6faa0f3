package helmrelease

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartutil4 "helm.sh/helm/v4/pkg/chart/v2/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// composed is a run of the release whose values are composed, and why
// it needs Helm 4.
func composed(t *testing.T, spec string, data []byte) (*renderRun, renderValues, string) {
	t.Helper()
	in := input(simple(t, spec), cluster{}, sources{charts: map[string]source.Chart{"demo": {Archive: data}}})
	r := New(Options{Namespaced: scopes})
	p, f := r.Prepare(t.Context(), in)
	if f != nil {
		t.Fatal(f.Problem)
	}
	run := &renderRun{renderer: r, in: in, prepared: p}
	var err error
	if run.chart, err = p.Chart.Load(); err != nil {
		t.Fatal(err)
	}
	run.beyond = beyondHelm3(run.chart)
	values, _ := copyValues(p.Values).(map[string]any)
	if err := chartutil.ProcessDependenciesWithMerge(run.chart, values); err != nil {
		t.Fatal(err)
	}
	v, err := run.compose(t.Context())
	if err != nil && v.top == nil {
		t.Fatal(err)
	}
	return run, v, run.needsHelm4(v)
}

// randomTable is a small table of a few keys: those of the subcharts and the
// globals among them, and nulls.
func randomTable(r *rand.Rand, depth int) map[string]any {
	out := map[string]any{}
	for _, key := range []string{"a", "b", "sub", "deep"} {
		switch n := r.IntN(8); {
		case n < 2:
			out[key] = n
		case n == 2 && key != "sub" && key != "deep": // a subchart whose values are null is an error
			out[key] = nil
		case n < 6 && depth > 0:
			out[key] = randomTable(r, depth-1)
		case n == 6 && depth > 0 && key == "a":
			out["global"] = randomTable(r, depth-1)
		}
		if _, table := out[key].(map[string]any); !table && (key == "sub" || key == "deep") {
			delete(out, key)
		}
	}
	return out
}

// TestNulls composes random values of a chart with subcharts as Helm 4 does.
func TestNulls(t *testing.T) {
	quiet()
	r := rand.New(rand.NewPCG(1, 2))
	text := func(v map[string]any) []byte {
		data, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for range 1000 {
		user := randomTable(r, 3)
		c := &Chart{files: []*loader.BufferedFile{
			{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: demo\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0}]\n")},
			{Name: "values.yaml", Data: text(randomTable(r, 3))},
			{Name: "charts/sub/Chart.yaml", Data: []byte("apiVersion: v2\nname: sub\nversion: 1.0.0\n")},
			{Name: "charts/sub/values.yaml", Data: text(randomTable(r, 3))},
			{Name: "charts/sub/charts/deep/Chart.yaml", Data: []byte("apiVersion: v2\nname: deep\nversion: 1.0.0\n")},
			{Name: "charts/sub/charts/deep/values.yaml", Data: text(randomTable(r, 3))},
		}}
		want := valuesOfHelm4(t, c, user)
		got := valuesOfHelm3(t, c, user)
		if diff := cmp.Diff(want, got); diff != "" {
			for _, f := range c.files {
				t.Logf("%s:\n%s", f.Name, f.Data)
			}
			t.Fatalf("user values:\n%s\ncomposed (-Helm 4 +Helm 3):\n%s", text(user), diff)
		}
	}
}

func valuesOfHelm3(t *testing.T, c *Chart, user map[string]any) any {
	t.Helper()
	user, _ = copyValues(user).(map[string]any)
	loaded, err := c.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, user); err != nil {
		t.Fatal(err)
	}
	dropNullDefaults(loaded, user)
	values, err := chartutil.CoalesceValues(loaded, user)
	if err != nil {
		t.Fatal(err)
	}
	dropNulls(loaded, values)
	return values.AsMap()
}

func valuesOfHelm4(t *testing.T, c *Chart, user map[string]any) any {
	t.Helper()
	user, _ = copyValues(user).(map[string]any)
	loaded, err := c.loadHelm4()
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil4.ProcessDependencies(loaded, user); err != nil {
		t.Fatal(err)
	}
	values, err := util.CoalesceValues(loaded, user)
	if err != nil {
		t.Fatal(err)
	}
	return values.AsMap()
}

func TestSurvey(t *testing.T) {
	for _, row := range []struct{ why, template, values, want string }{
		{"plain templates", `a: {{ .Values.a | quote | nindent 4 }}{{ repeat 63 "x" }}{{ until 5 }}{{ untilStep 0 9 2 }}`, "", ""},
		{"random numbers", `{{ if .Values.a }}{{ else }}{{ with .Values.b }}{{ randAlphaNum 8 | b64enc }}{{ end }}{{ end }}`, "", "a call of randAlphaNum"},
		{"random numbers in a definition", `{{ define "x" }}{{ (genCA "a" 1).Cert }}{{ end }}`, "", "a call of genCA"},
		{"the clock behind a variable", `{{ $x := now }}`, "", "a call of now"},
		{"a word in the text", "# now\na: {{ .Values.now }}", "", ""},
		{"a length from the values", `{{ repeat (int .Values.n) "x" }}`, "", "a number in a call of repeat"},
		{"a length that is piped", `{{ 5 | until }}`, "", "a number in a call of until"},
		{"repeating what was repeated", `{{ "x" | repeat 1000 }}`, "", "a number in a call of repeat"},
		{"keys of a table", `{{ keys .Values | sortAlpha }}`, "", "a call of keys"},
		{"short sequences", `{{ seq 5 }}{{ seq 0 9 }}`, "", ""},
		{"a sequence with a step", `{{ seq 0 2 10 }}`, "", "a number in a call of seq"},
		{"a huge sequence", `{{ seq 2000000000 }}`, "", "a number in a call of seq"},
		{"a huge list", `{{ untilStep 0 2000000000 1 }}`, "", "a number in a call of untilStep"},
		{"a negative indentation", `{{ indent -1 "a" }}`, "", "a number in a call of indent"},
		{"a template in the values that is run", `{{ tpl .Values.a . }}`, `{a: "{{ uuidv4 }}"}`, "a call of uuidv4"},
		{"a template in the values that is not run", `{{ .Values.a }}`, `{a: "{{ uuidv4 }}"}`, ""},
		{"a part of a template in the values", `{{ tpl .Values.a . }}`, `{a: ["{{ if true }}{{ shuffle .x }}"]}`, "part of a template names shuffle"},
		{"a text of another templating language", `{{ tpl .Values.a . }}`, `{a: "{{ $labels.x }} {{instance}}"}`, ""},
		{"a template in a template", `{{ tpl "{{ now }}" . }}`, "", "a call of now"},
		{"a file of the chart that is run", `{{ tpl (.Files.Get "file.txt") . }}`, "", "a call of randInt"},
		{"the chart as a whole", `{{ toYaml .Chart }}`, "", "the field .Chart"},
		{"lists of the chart", `{{ range .Chart.Maintainers }}{{ .name }}{{ end }}`, "", "the field .Chart.Maintainers"},
		{"plain fields of the chart", `{{ .Chart.Name }}{{ $.Chart.AppVersion }}{{ .x.Chart.Version }}{{ .Values.Chart }}`, "", ""},
		{"the version as a whole", `{{ .Capabilities.KubeVersion }}`, "", "the field .Capabilities.KubeVersion"},
		{"plain capabilities", `{{ .Capabilities.KubeVersion.GitVersion }}{{ .Capabilities.APIVersions.Has "v1" }}{{ .Chart.KubeVersion }}`, "", ""},
		{"everything printed", `{{ toYaml $ }}`, "", "a call of toYaml with all that templates see"},
		{"subcharts as a whole", `{{ toYaml .Subcharts }}`, "", "the field .Subcharts"},
		{"values of subcharts", `{{ .Subcharts.sub.Values.a }}`, "", ""},
		{"lines of a file", `{{ .Files.Lines "file.txt" }}`, "", "the field .Files.Lines"},
	} {
		files := map[string]string{"templates/a.yaml": row.template, "file.txt": "{{ randInt 1 2 }}", "values.yaml": row.values}
		if _, _, got := composed(t, "", chart(t, files).Archive); got != row.want {
			t.Errorf("%s: Helm 4 because of %q, want %q", row.why, got, row.want)
		}
	}
}

// TestRenderAsHelm4 holds what both versions of Helm would yield differently
// against what Helm 4 yields.
func TestRenderAsHelm4(t *testing.T) {
	for _, row := range []struct {
		why   string
		files map[string]string
		want  string // of data.a of the first object
	}{
		{"a default that is null is absent", map[string]string{"values.yaml": "a:\nb: {c: null}\n",
			"templates/a.yaml": configMap + `data: {a: "{{ hasKey .Values "a" }} {{ hasKey .Values.b "c" }}"}`}, "false false"},
		{"several documents in values.yaml", map[string]string{"values.yaml": "a: 1\nb: {c: 1}\n---\nb: {d: 2}\n",
			"templates/a.yaml": configMap + `data: {a: "{{ .Values.a }}{{ .Values.b.c }}{{ .Values.b.d }}"}`}, "112"},
		{"the last line feed of a block scalar", map[string]string{"templates/a.yaml": configMap + "data:\n  a: |\n    x\n---\n"}, "x\n"},
		{"the version of Helm", map[string]string{"templates/a.yaml": configMap + `data: {a: "{{ .Capabilities.HelmVersion.Version }}"}`}, "v4.2"},
		{"fields that the chart does not have", map[string]string{"templates/a.yaml": configMap + `data: {a: "x{{ .Chart.Absent }}"}`}, "x"},
		{"functions that only Helm 4 has", map[string]string{"templates/a.yaml": configMap + `data: {a: "{{ mustToYaml "x" }}"}`}, "x"},
	} {
		got := renderDemo(t, "", row.files)
		if len(got.Applies) != 1 {
			t.Errorf("%s: state %s: %s", row.why, got.State, got.Ready.Message)
			continue
		}
		if text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "a"); text != row.want {
			t.Errorf("%s: %q, want %q", row.why, text, row.want)
		}
	}
}

// vendorCluster is of a vendor that adds to the version.
type vendorCluster struct{ cluster }

func (vendorCluster) Capabilities(context.Context) render.Capabilities {
	return render.Capabilities{KubeVersion: "1.33.4-gke.1"}
}

func TestRenderVendorVersion(t *testing.T) {
	for _, row := range []struct{ why, template string }{
		{"with Helm 3", `{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Minor }}`},
		{"with Helm 4", `{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Minor }}{{ now | empty | ternary "now" "" }}`},
	} {
		files := map[string]string{
			"Chart.yaml":       "apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: \">=1.33.4\"\n",
			"templates/a.yaml": configMap + "data: {a: '" + row.template + "'}",
		}
		in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, files)}})
		in.Cluster = vendorCluster{}
		got := New(Options{Namespaced: scopes}).Render(t.Context(), in)
		if got.State != render.Rendered {
			t.Fatalf("%s: %s", row.why, got.Ready.Message)
		}
		if text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "a"); text != "v1.33.4-gke.1 33" {
			t.Errorf("%s: %q", row.why, text)
		}
	}
}

func TestRenderOrderAsHelm4(t *testing.T) {
	object := func(kind string) string {
		return "apiVersion: example.com/v1\nkind: " + kind + "\nmetadata: {name: x}\n---\n"
	}
	got := renderDemo(t, "", map[string]string{"templates/a.yaml": object("Zebra") + object("ValidatingWebhookConfiguration") +
		object("Alpha") + object("MutatingWebhookConfiguration") + object("APIService") + object("Namespace")})
	var kinds []string
	for _, o := range got.Applies {
		kinds = append(kinds, o.GetKind())
	}
	want := []string{"Namespace", "APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Alpha", "Zebra"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestRenderAliases(t *testing.T) {
	files := map[string]string{
		"Chart.yaml":                              "apiVersion: v2\nname: demo\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0, alias: one}, {name: sub, version: 1.0.0, alias: two}]\n",
		"charts/sub/Chart.yaml":                   "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/charts/deep/Chart.yaml":       "apiVersion: v2\nname: deep\nversion: 1.0.0\n",
		"charts/sub/charts/deep/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Values.name }}\"}\n",
	}
	got := renderDemo(t, "  values: {one: {deep: {name: x}}, two: {deep: {name: y}}}\n", files)
	if diff := cmp.Diff([]string{"ConfigMap/team/x", "ConfigMap/team/y"}, refs(got.Applies)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderErrorsAsHelm4(t *testing.T) {
	for _, row := range []struct{ why, template, want string }{
		{"a chain of templates", `{{ include "inner" . }}`, "demo/templates/a.yaml:1:3\n" +
			"  executing \"demo/templates/a.yaml\" at <include \"inner\" .>:\n    error calling include:\n" +
			"demo/templates/_a.tpl:1:30\n  executing \"inner\" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b"},
		{"lines of an empty file", `{{ .Files.Lines "empty" }}`, "template: demo/templates/a.yaml:1:9: executing \"demo/templates/a.yaml\" at <.Files.Lines>: " +
			"error calling Lines: runtime error: index out of range [-1]"},
	} {
		got := renderDemo(t, "", map[string]string{"templates/_a.tpl": `{{ define "inner" }}{{ .Values.a.b }}{{ end }}`, "templates/a.yaml": row.template, "empty": ""})
		if want := "Helm install failed for release team/app with chart demo@1.0.0: " + row.want; got.Ready.Message != want {
			t.Errorf("%s:\n%s\nwant:\n%s", row.why, got.Ready.Message, want)
		}
	}
}

func TestQuiet(t *testing.T) {
	var out bytes.Buffer
	before := log.Writer()
	log.SetOutput(&out)
	t.Cleanup(func() { log.SetOutput(before) })
	files := map[string]string{
		"values.yaml": "a: {b: 1}\n", "templates/a.yaml": strings.ReplaceAll(hook, "pre-install", "no-such-hook"),
		"templates/b.yaml": configMap + "data: {a: {{ now | quote }}}",
	}
	renderDemo(t, "  values: {a: text}\n", files)
	log.Print("kept")
	slog.Warn("kept, too")
	if text := out.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "kept\n") || !strings.Contains(text, "kept, too\n") {
		t.Errorf("logged:\n%s", text)
	}
}
