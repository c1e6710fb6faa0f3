package helmrelease

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

const (
	configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n"
	hook      = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa, annotations: {helm.sh/hook: pre-install}}\n"
	account   = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa}\n"
	crd       = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Cluster
  versions: [{name: v1, served: true, storage: true}, {name: v2, served: false}]
`
)

func refs(objects []*render.Object) []string {
	out := []string{}
	for _, o := range objects {
		out = append(out, o.Ref().String())
	}
	return out
}

func TestRenderObjects(t *testing.T) {
	got := renderDemo(t, "  commonMetadata:\n    labels: {team: blue}\n", map[string]string{
		"templates/z.yaml":    configMap,
		"templates/a.yaml":    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: other}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n",
		"templates/hook.yaml": hook,
		"templates/NOTES.txt": "not: an object",
		"templates/_x.tpl":    "not an object",
		"crds/crd.yaml":       crd,
		"templates/w.yaml":    "{{ if .Capabilities.APIVersions.Has \"example.com/v1/Widget\" }}apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}{{ end }}",
		"templates/old.yaml":  "{{ if .Capabilities.APIVersions.Has \"example.com/v2\" }}{{ fail \"not served\" }}{{ end }}",
	})
	if got.State != render.Rendered {
		t.Fatalf("state %s: %s", got.State, got.Ready.Message)
	}
	want := []string{"ConfigMap/team/cm", "ClusterRole/r", "Deployment/other/d", "Widget/w"}
	if diff := cmp.Diff(want, refs(got.Applies)); diff != "" {
		t.Errorf("Helm's order, release namespace and scopes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ServiceAccount/team/sa"}, refs(got.Hooks)); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CustomResourceDefinition/widgets.example.com"}, refs(got.CRDs)); diff != "" {
		t.Errorf("CRDs (-want +got):\n%s", diff)
	}
	origin := map[string]string{"helm.toolkit.fluxcd.io/name": "app", "helm.toolkit.fluxcd.io/namespace": "team"}
	if diff := cmp.Diff(origin, got.CRDs[0].GetLabels()); diff != "" {
		t.Errorf("labels of a CRD (-want +got):\n%s", diff)
	}
	origin["team"] = "blue"
	if diff := cmp.Diff(origin, got.Hooks[0].GetLabels()); diff != "" {
		t.Errorf("labels of a hook (-want +got):\n%s", diff)
	}
	origin["app.kubernetes.io/managed-by"] = "Helm"
	cm := got.Applies[0]
	if diff := cmp.Diff(origin, cm.GetLabels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	annotations := map[string]string{"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": "team"}
	if diff := cmp.Diff(annotations, cm.GetAnnotations()); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if cm.Origin.Note != "templates/z.yaml" || cm.Origin.Owner == nil || cm.Origin.Hook || !got.Hooks[0].Origin.Hook {
		t.Errorf("origin: %+v", cm.Origin)
	}
	if p := cm.At("/data/x").String(); p != "hr.yaml:9:5" {
		t.Errorf("an object of a chart is edited at %s, want spec.chart", p)
	}
	if p := cm.At("/metadata/labels/team").String(); p != "hr.yaml:13:20" {
		t.Errorf("a common label is edited at %s", p)
	}
}

func TestRenderCRDPolicy(t *testing.T) {
	for _, row := range []struct {
		why, spec string
		upgrade   bool
		want      int
	}{
		{"the default is Create", "", false, 1},
		{"Skip on install", "  install: {crds: Skip}\n", false, 0},
		{"install.crds says nothing about upgrades", "  install: {crds: Skip}\n", true, 1},
		{"Skip on upgrade", "  upgrade: {crds: Skip}\n", true, 0},
	} {
		in := input(simple(t, row.spec), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, map[string]string{"crds/crd.yaml": crd})}})
		in.Upgrade = row.upgrade
		if got := New(Options{}).Render(t.Context(), in); len(got.CRDs) != row.want {
			t.Errorf("%s: %d CRDs, want %d", row.why, len(got.CRDs), row.want)
		}
	}
}

func TestRenderRelease(t *testing.T) {
	files := map[string]string{"templates/cm.yaml": configMap + `data:
  text: "{{ .Release.IsInstall }} {{ .Release.IsUpgrade }} {{ .Release.Revision }} {{ .Capabilities.KubeVersion.Version }} {{ .Chart.Version }} {{ getHostByName "localhost" }}"`}
	in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, files)}})
	for _, row := range []struct {
		upgrade  bool
		revision int
		want     string
	}{
		{true, 4, "false true 4 v1.37.2 1.0.0 "},
		{false, 0, "true false 1 v1.37.2 1.0.0 "},
	} {
		in.Upgrade, in.Revision = row.upgrade, row.revision
		got := New(Options{}).Render(t.Context(), in)
		text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "text")
		if text != row.want {
			t.Errorf("upgrade %v: %q, want %q", row.upgrade, text, row.want)
		}
	}
}

func TestRenderPostRenderStrategies(t *testing.T) {
	files := map[string]string{"templates/hook.yaml": hook, "templates/sa.yaml": account}
	label := func(objects []*render.Object) bool {
		return len(objects) == 1 && objects[0].GetLabels()["helm.toolkit.fluxcd.io/name"] == "app"
	}
	for _, row := range []struct {
		why, spec string
		failed    bool
		hookLabel bool
	}{
		{"combined: a hook and a template of one identity fail", "", true, false},
		{"separate: both pass, both with labels", "  postRenderStrategy: separate\n", false, true},
		{"nohooks: hooks are left alone", "  postRenderStrategy: nohooks\n", false, false},
	} {
		got := renderDemo(t, row.spec, files)
		if (got.State == render.Failed) != row.failed {
			t.Errorf("%s: state %s: %s", row.why, got.State, got.Ready.Message)
			continue
		}
		if row.failed {
			want := "Helm install failed for release team/app with chart demo@1.0.0: error while running post render on files: may not add resource with an already registered id: ServiceAccount.v1.[noGrp]/sa.[noNs]"
			if got.Ready.Message != want || got.Reason != ReasonDuplicate {
				t.Errorf("%s: %s %q", row.why, got.Reason, got.Ready.Message)
			}
			continue
		}
		if !label(got.Applies) || label(got.Hooks) != row.hookLabel {
			t.Errorf("%s: labels of %v and hooks %v", row.why, refs(got.Applies), refs(got.Hooks))
		}
	}
}

func TestRenderWriters(t *testing.T) {
	got := renderDemo(t, `  postRenderers:
  - kustomize:
      patches:
      - target: {kind: Deployment}
        patch: |
          - {op: replace, path: /spec/replicas, value: 3}
      - target: {kind: Deployment}
        patch: |
          - {op: add, path: /metadata/annotations, value: {a: b}}
      images:
      - {name: web, newTag: "2"}
`, map[string]string{"templates/d.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 1
  template: {spec: {containers: [{name: web, image: "web:1"}]}}
`})
	if got.State != render.Rendered {
		t.Fatal(got.Ready.Message)
	}
	d := got.Applies[0]
	for pointer, want := range map[string]string{
		"/spec/replicas":                            "hr.yaml:15:9",
		"/metadata/annotations/a":                   "hr.yaml:18:9",
		"/spec/template/spec/containers/0/image":    "hr.yaml:22:9",
		"/spec/template/spec/containers/0/name":     "hr.yaml:9:5",
		"/metadata/labels/app.kubernetes.io~1other": "hr.yaml:9:5",
	} {
		if p := d.At(pointer).String(); p != want {
			t.Errorf("%s is edited at %s, want %s", pointer, p, want)
		}
	}
	if image, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers"); image[0].(map[string]any)["image"] != "web:2" {
		t.Errorf("containers: %v", image)
	}
}

func TestRenderFailures(t *testing.T) {
	for _, row := range []struct {
		why, spec string
		files     map[string]string
		reason    string
		ready     string // the controller's message after the release
		problem   string
		pos       string
	}{
		{
			why: "a call of fail", files: map[string]string{"templates/a.yaml": `{{ fail "no" }}`},
			reason: ReasonTemplateFail, ready: "execution error at (demo/templates/a.yaml:1:3): no",
			problem: `the chart refuses the values: no (in demo/templates/a.yaml:1:3 of chart "demo")`, pos: "hr.yaml:9:5",
		},
		{
			why: "a template that does not parse", files: map[string]string{"templates/a.yaml": "x: {{ if }}"},
			reason: ReasonTemplate, ready: "parse error at (demo/templates/a.yaml:1): missing value for if",
			problem: `the template does not parse: missing value for if (in demo/templates/a.yaml:1 of chart "demo")`, pos: "hr.yaml:9:5",
		},
		{
			why: "no YAML", files: map[string]string{"templates/a.yaml": "a: [1\nb: 2\n"},
			reason: ReasonTemplateYAML, ready: "error merging manifests: parsing demo/templates/a.yaml: MalformedYAMLError: yaml: line 1: did not find expected ',' or ']'",
			problem: `the template yields no YAML: yaml: line 1 of its output: did not find expected ',' or ']' (in demo/templates/a.yaml of chart "demo")`, pos: "hr.yaml:9:5",
		},
		{
			why: "a value that the schema refuses", spec: "  values:\n    server:\n      port: high\n",
			files:  map[string]string{"values.schema.json": `{"properties": {"server": {"properties": {"port": {"type": "integer"}}}}}`},
			reason: ReasonSchema, ready: "values don't meet the specifications of the schema(s) in the following chart(s):\ndemo:\n- at '/server/port': got string, want integer",
			problem: `the schema of the chart refuses the value "server.port": got string, want integer`, pos: "hr.yaml:14:13",
		},
		{
			why:    "another Kubernetes version",
			files:  map[string]string{"Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: \"<1.30.0\"\n"},
			reason: ReasonKubeVersion, ready: "chart requires kubeVersion: <1.30.0 which is incompatible with Kubernetes v1.37.2",
			problem: `the chart needs Kubernetes "<1.30.0", the cluster has "v1.37.2"`, pos: "hr.yaml:9:5",
		},
		{
			why: "a patch that does not apply", files: map[string]string{"templates/a.yaml": configMap},
			spec:   "  postRenderers:\n  - kustomize:\n      patches:\n      - target: {kind: ConfigMap}\n        patch: |\n          - {op: test, path: /data/a, value: b}\n",
			reason: ReasonPostRender, pos: "hr.yaml:13:3",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			got := renderDemo(t, row.spec, row.files)
			const prefix = "Helm install failed for release team/app with chart demo@1.0.0: "
			if got.State != render.Failed || got.Reason != row.reason || got.Ready.Reason != "InstallFailed" || got.Ready.Status != "False" {
				t.Fatalf("state %s, reason %s, ready %+v", got.State, got.Reason, got.Ready)
			}
			if row.ready != "" && got.Ready.Message != prefix+row.ready {
				t.Errorf("message %q", got.Ready.Message)
			}
			p := got.Problems[len(got.Problems)-1]
			if row.problem != "" && p.Message != row.problem {
				t.Errorf("problem %q", p.Message)
			}
			if p.Pos.String() != row.pos || p.Reason != row.reason || p.Object.Name != "app" {
				t.Errorf("problem %+v at %s, want %s", p, p.Pos, row.pos)
			}
		})
	}
}

func TestRenderSchemaSwitches(t *testing.T) {
	refused := `{"properties": {"a": {"type": "integer"}}}`
	values := "  values: {a: text}\n"
	for _, row := range []struct {
		why, spec, schema string
		state             render.State
		problem           string
	}{
		{"the check can be switched off", values + "  install: {disableSchemaValidation: true}\n", refused, render.Rendered, ""},
		{"the switch of upgrades is another", values + "  upgrade: {disableSchemaValidation: true}\n", refused, render.Failed, ReasonSchema},
		{"a document that is not at hand allows everything", values, `{"properties": {"a": {"$ref": "https://example.com/a.json"}}}`, render.Rendered, ReasonSchemaRef},
		{"a part of a document that is not at hand", values, `{"properties": {"a": {"$ref": "https://example.com/a.json#/definitions/x"}}}`, render.Rendered, ReasonSchemaRef},
		{"files of the machine are not there for the controller either", values, `{"properties": {"a": {"$ref": "file:///etc/hostname"}}}`, render.Failed, ReasonSchema},
	} {
		got := renderDemo(t, row.spec, map[string]string{"values.schema.json": row.schema})
		reason := ""
		if len(got.Problems) > 0 {
			reason = got.Problems[0].Reason
		}
		if got.State != row.state || reason != row.problem {
			t.Errorf("%s: state %s, problems %+v", row.why, got.State, got.Problems)
		}
	}
}

func TestRenderLookup(t *testing.T) {
	secret := func(namespace string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s", "namespace": namespace}, "data": map[string]any{"k": namespace},
		}}
	}
	files := map[string]string{"templates/cm.yaml": configMap + `data:
  one: {{ (lookup "v1" "Secret" "team" "s").data.k }}
  all: {{ len (lookup "v1" "Secret" "" "").items | quote }}
  none: {{ lookup "v1" "Secret" "team" "absent" | empty | quote }}
  unsure: {{ lookup "v1" "Secret" "team" "unsure" | empty | quote }}
{{ $_ := set (lookup "v1" "Secret" "team" "s").data "k" "changed" }}`}
	unsure := finding.Ref{Kind: "Secret", Namespace: "team", Name: "unsure"}
	c := cluster{objects: []*unstructured.Unstructured{secret("other"), secret("team")}, unsure: map[finding.Ref]bool{unsure: true}}
	got := New(Options{Namespaced: scopes}).Render(t.Context(), input(simple(t, ""), c, sources{charts: map[string]source.Chart{"demo": chart(t, files)}}))
	if got.State != render.Rendered {
		t.Fatal(got.Ready.Message)
	}
	data, _, _ := unstructured.NestedStringMap(got.Applies[0].Object, "data")
	if diff := cmp.Diff(map[string]string{"one": "team", "all": "2", "none": "true", "unsure": "true"}, data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if k, _, _ := unstructured.NestedString(c.objects[1].Object, "data", "k"); k != "team" {
		t.Errorf("a template changed an object of the cluster")
	}
	if len(got.Problems) != 1 || got.Problems[0].Reason != ReasonLookup {
		t.Errorf("problems %+v", got.Problems)
	}
}

func TestRenderSuspended(t *testing.T) {
	got := renderDemo(t, "  suspend: true\n", map[string]string{"templates/cm.yaml": configMap})
	if got.State != render.Suspended || len(got.Applies) != 1 || got.Ready != (render.Condition{}) {
		t.Errorf("state %s, %d objects, ready %+v", got.State, len(got.Applies), got.Ready)
	}
}

func TestRenderTimeout(t *testing.T) {
	in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, map[string]string{
		"templates/a.yaml": `{{ range until 100000 }}{{ range until 1000 }}{{ sha256sum "x" }}{{ end }}{{ end }}`,
	})}})
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := New(Options{Timeout: 20 * time.Millisecond}).Render(ctx, in)
	if got.State != render.Unknown || got.Reason != ReasonTemplateTime || time.Since(start) > 20*time.Second {
		t.Errorf("state %s, reason %s", got.State, got.Reason)
	}
}

func TestRenderCrashOfAFunction(t *testing.T) {
	for why, tt := range map[string]struct{ template, want string }{
		"a division by zero":          {"{{ div 1 0 }}", "the template does not execute: error calling div: integer divide by zero"},
		"an end before the beginning": {`{{ substr 5 1 "abc" }}`, "the template does not execute: error calling substr: slice bounds out of range [5:1]"},
	} {
		got := renderDemo(t, "", map[string]string{"templates/a.yaml": tt.template})
		if len(got.Problems) != 1 || !strings.HasPrefix(got.Problems[0].Message, tt.want+" (in demo/templates/a.yaml:1:3 ") {
			t.Errorf("%s: problems %+v, want %q", why, got.Problems, tt.want)
		}
	}
}

func TestRenderSubcharts(t *testing.T) {
	sub := func(name string) map[string]string {
		return map[string]string{
			"charts/" + name + "/Chart.yaml":        "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n",
			"charts/" + name + "/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n",
			"charts/" + name + "/crds/crd.yaml":     strings.ReplaceAll(crd, "widget", name),
		}
	}
	files := map[string]string{"Chart.yaml": `apiVersion: v2
name: demo
version: 1.0.0
dependencies:
- {name: used, version: "*", condition: used.enabled}
- {name: off, version: "*", condition: off.enabled}
- {name: tagged, version: "*", tags: [extra]}
`}
	for _, name := range []string{"used", "off", "tagged"} {
		for k, v := range sub(name) {
			files[k] = v
		}
	}
	got := renderDemo(t, "  values: {off: {enabled: false}, tags: {extra: false}}\n", files)
	if diff := cmp.Diff([]string{"ConfigMap/team/used"}, refs(got.Applies)); diff != "" {
		t.Errorf("objects of enabled subcharts (-want +got):\n%s", diff)
	}
	if names := refs(got.CRDs); !slices.Equal(names, []string{"CustomResourceDefinition/useds.example.com"}) {
		t.Errorf("CRDs of enabled subcharts: %v", names)
	}
	if got.Applies[0].Origin.Note != "charts/used/templates/cm.yaml" {
		t.Errorf("note %q", got.Applies[0].Origin.Note)
	}
}

func TestRenderDisabledHooks(t *testing.T) {
	files := map[string]string{"templates/hook.yaml": hook, "templates/test.yaml": strings.ReplaceAll(strings.ReplaceAll(hook, "pre-install", "test"), "name: sa", "name: check")}
	got := renderDemo(t, "  install: {disableHooks: true}\n", files)
	if diff := cmp.Diff([]string{"ServiceAccount/team/check"}, refs(got.Hooks)); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
}

func TestRenderLocalSchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(file, []byte(`{"definitions": {"x": {"type": "integer"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := chart(t, map[string]string{"values.schema.json": `{"$id": "https://example.com/root.json", "properties": {"a": {"$ref": "a.json#/definitions/x"}}}`})
	in := input(simple(t, "  values: {a: text}\n"), cluster{}, sources{charts: map[string]source.Chart{"demo": c}})
	r := New(Options{HTTP: func(url string) (string, bool) { return file, url == "https://example.com/a.json" }})
	got := r.Render(t.Context(), in)
	if got.Reason != ReasonSchema || got.Problems[0].Message != `the schema of the chart refuses the value "a": got string, want integer` {
		t.Errorf("reason %s, problems %+v", got.Reason, got.Problems)
	}
}

func TestRenderBounds(t *testing.T) {
	for _, call := range []string{
		`{{ repeat 2000000000 "text" }}`, `{{ untilStep 0 2000000000 1 }}`, `{{ until 2000000000 }}`, `{{ randAlphaNum 2000000000 }}`,
		`{{ randBytes 2000000000 }}`, `{{ nindent 2000000000 "a" }}`, `{{ indent -1 "a" }}`, `{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}`,
	} {
		if got := renderDemo(t, "", map[string]string{"templates/a.yaml": call}); got.State != render.Failed || got.Reason != ReasonTemplate {
			t.Errorf("%s: state %s, reason %s", call, got.State, got.Reason)
		}
	}
	got := renderDemo(t, "", map[string]string{"templates/a.yaml": configMap + `data: {a: "{{ until 3 }}{{ until -2 }}{{ untilStep 5 0 -2 }}{{ untilStep 0 5 0 }}{{ repeat 2 "x" }}{{ indent 2 "y" }}"}`})
	if text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "a"); text != "[0 1 2][0 -1][5 3 1][]xx  y" {
		t.Errorf("small calls yield %q", text)
	}
}

func TestRenderConcurrently(t *testing.T) {
	in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, map[string]string{
		"templates/a.yaml": configMap + "data: {a: {{ randAlphaNum 8 }}}", "crds/crd.yaml": crd,
	})}})
	r := New(Options{Namespaced: scopes})
	results := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = everything(t, r.Render(t.Context(), in)) })
	}
	wg.Wait()
	for _, got := range results {
		if string(got) != string(results[0]) {
			t.Errorf("renders at the same time differ:\n%s", cmp.Diff(string(results[0]), string(got)))
		}
	}
}

func TestRenderReleaseNames(t *testing.T) {
	const rule = "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
	for _, row := range []struct {
		why, name string
		upgrade   bool
		want      string
	}{
		{"a name with dots", "a.b", false, ""},
		{"capitals", "My-App", false, "Helm install failed for release team/My-App with chart demo@1.0.0: release name check failed: release name \"My-App\": " + rule},
		{"capitals in an upgrade", "My-App", true, "Helm upgrade failed for release team/My-App with chart demo@1.0.0: release name is invalid: My-App"},
		{"an underscore", "a_b", false, "Helm install failed for release team/a_b with chart demo@1.0.0: release name check failed: release name \"a_b\": " + rule},
	} {
		in := input(simple(t, "  releaseName: "+row.name+"\n"), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, map[string]string{"templates/a.yaml": configMap})}})
		in.Upgrade = row.upgrade
		got := New(Options{Namespaced: scopes}).Render(t.Context(), in)
		if got.Ready.Message != row.want {
			t.Errorf("%s: %q, want %q", row.why, got.Ready.Message, row.want)
		}
		if row.want != "" && (got.Problems[0].Field != "/spec/releaseName" || got.Problems[0].Pos.Line != 12) {
			t.Errorf("%s: problem %+v", row.why, got.Problems[0])
		}
	}
}

// TestRenderRefusedCRDs names the file as the chart that it stands in does.
func TestRenderRefusedCRDs(t *testing.T) {
	got := renderDemo(t, "", map[string]string{
		"charts/sub/Chart.yaml":    "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/crds/crd.yaml": "a: [",
	})
	const want = "Helm install failed for release team/app with chart demo@1.0.0: failed to apply CustomResourceDefinitions: failed to parse CustomResourceDefinitions from crds/crd.yaml: "
	if got.Reason != ReasonCRDs || !strings.HasPrefix(got.Ready.Message, want) {
		t.Errorf("reason %s: %s", got.Reason, got.Ready.Message)
	}
}

func TestTooMuchText(t *testing.T) {
	got := renderDemo(t, "", map[string]string{"templates/a.yaml": `{{ range until 5 }}{{ repeat 8000000 "x" }}{{ end }}`})
	if got.State != render.Unknown || got.Reason != ReasonTemplateTime {
		t.Fatalf("state %s, reason %s", got.State, got.Reason)
	}
	if want := "the templates of the chart yield more than 32 megabytes of text, which no release may have"; got.Problems[0].Message != want {
		t.Errorf("problem %q", got.Problems[0].Message)
	}
}
