package helmrelease

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// gitChart is a chart folder of an artifact.
func gitChart(folder string, files map[string]string) source.Chart {
	tree := repo.FromFiles(files)
	c := source.Chart{Revision: "main@sha1:0123456789abcdef0123456789abcdef01234567", Path: folder}
	for _, f := range tree.Files() {
		data, _ := f.Data()
		file := source.File{Path: f.Path, Data: data, Origin: f}
		c.Root = append(c.Root, file)
		if rel, ok := strings.CutPrefix(f.Path, folder+"/"); ok {
			file.Path = rel
			c.Files = append(c.Files, file)
		}
	}
	return c
}

func gitRelease(t *testing.T, spec string) *render.Object {
	t.Helper()
	return release(t, `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: app
  namespace: team
spec:
  interval: 1h
  chart:
    spec:
      chart: demo
      sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
`+spec)
}

func TestPrepareGitChart(t *testing.T) {
	files := map[string]string{
		"c/demo/Chart.yaml":        "apiVersion: v2\nname: demo\nversion: 0.1.0\nappVersion: \"1.1\"\ndependencies:\n- {name: lib, version: 1.x, repository: \"file://../lib\"}\n- {name: lib, alias: second, version: 1.x, repository: \"file://../lib\"}\n",
		"c/demo/values.yaml":       "a: default\nb: default\n",
		"c/demo/prod.yaml":         "a: prod\n",
		"c/demo/.helmignore":       "ignored/\n",
		"c/demo/ignored/x.yaml":    "x",
		"c/demo/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: \"{{ .Values.a }}\", b: \"{{ .Values.b }}\", v: \"{{ .Chart.Version }}\", f: \"{{ .Files.Get \"ignored/x.yaml\" }}\", app: \"{{ .Chart.AppVersion }}\"}\n",
		"c/lib/Chart.yaml":         "apiVersion: v2\nname: lib\nversion: 1.2.0\n",
		"c/lib/templates/cm.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Chart.Name }}\"}\n",
	}
	for _, row := range []struct {
		why, spec  string
		generation int64
		want       map[string]string
	}{
		{"as it stands", "", 0, map[string]string{"a": "default", "b": "default", "v": "0.1.0", "f": "", "app": "1.1"}},
		{"strategy Revision", "      reconcileStrategy: Revision\n", 0, map[string]string{"a": "default", "b": "default", "v": "0.1.0+0123456789ab", "f": "", "app": "1.1"}},
		{"values files replace values.yaml; a new HelmChart has generation 1", "      valuesFiles: [c/demo/prod.yaml]\n", 0, map[string]string{"a": "prod", "b": "", "v": "0.1.0+1", "f": "", "app": "1.1"}},
		{"the generation of the live HelmChart", "      valuesFiles: [c/demo/values.yaml, c/demo/prod.yaml]\n      reconcileStrategy: Revision\n", 3, map[string]string{"a": "prod", "b": "default", "v": "0.1.0+0123456789ab.3", "f": "", "app": "1.1"}},
		{"only values.yaml is no list", "      valuesFiles: [values.yaml]\n", 0, map[string]string{"a": "default", "b": "default", "v": "0.1.0", "f": "", "app": "1.1"}},
		{"missing files may be ignored", "      valuesFiles: [c/demo/values.yaml, absent.yaml]\n      ignoreMissingValuesFiles: true\n", 0, map[string]string{"a": "default", "b": "default", "v": "0.1.0+1", "f": "", "app": "1.1"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := cluster{}
			if row.generation > 0 {
				c.objects = append(c.objects, &unstructured.Unstructured{Object: map[string]any{
					"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
					"metadata": map[string]any{"name": "team-app", "namespace": "flux-system", "generation": row.generation},
				}})
			}
			in := input(gitRelease(t, row.spec), c, sources{charts: map[string]source.Chart{"demo": gitChart("c/demo", files)}})
			got := New(Options{Namespaced: scopes}).Render(t.Context(), in)
			if got.State != render.Rendered {
				t.Fatalf("%s: %s", got.Reason, got.Ready.Message)
			}
			if diff := cmp.Diff([]string{"ConfigMap/team/lib", "ConfigMap/team/second", "ConfigMap/team/cm"}, refs(got.Applies)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			data, _, _ := unstructured.NestedStringMap(got.Applies[2].Object, "data")
			if diff := cmp.Diff(row.want, data); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p := got.Applies[2].At("/data/a"); p.String() != "c/demo/templates/cm.yaml" || p.Precision != finding.PrecisionFile {
				t.Errorf("the object is edited at %v, want its template", p)
			}
			if p := got.Applies[0].At(""); p.String() != "c/lib/templates/cm.yaml" {
				t.Errorf("the object of a dependency is edited at %v", p)
			}
		})
	}
}

func TestPrepareChartFailures(t *testing.T) {
	meta := "apiVersion: v2\nname: demo\nversion: 0.1.0\n"
	for _, row := range []struct {
		why, spec string
		files     map[string]string
		state     render.State
		reason    string
		message   string // of the HelmChart
		field     string
	}{
		{
			"values files count from the root", "      valuesFiles: [prod.yaml]\n", map[string]string{"c/Chart.yaml": meta, "c/values.yaml": "", "c/prod.yaml": ""},
			render.Failed, ReasonValuesFiles, "values files merge error: no values file found at path '/prod.yaml' (reference 'prod.yaml')", "/spec/chart/spec/valuesFiles/0",
		},
		{
			"values files lead nowhere outside", "      valuesFiles: [../../etc/passwd]\n", map[string]string{"c/Chart.yaml": meta, "c/values.yaml": ""},
			render.Failed, ReasonValuesFiles, "values files merge error: no values file found at path '/etc/passwd' (reference '../../etc/passwd')", "/spec/chart/spec/valuesFiles/0",
		},
		{
			"no chart there", "", map[string]string{"c/README.md": ""},
			render.Failed, ReasonChartReference, "invalid chart reference: no 'Chart.yaml' found", "/spec/chart/spec/chart",
		},
		{
			"a local dependency that is missing", "", map[string]string{"c/Chart.yaml": meta + "dependencies: [{name: lib, version: 1.x, repository: \"file://../lib\"}]\n"},
			render.Failed, ReasonDependency, "dependency build error: failed to add local dependency 'lib': no chart found at '/lib' (reference 'file://../lib')", "/spec/chart/spec/chart",
		},
		{
			"a local dependency of another version", "", map[string]string{
				"c/Chart.yaml":   meta + "dependencies: [{name: lib, version: 2.x, repository: \"file://../lib\"}]\n",
				"lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\n",
			},
			render.Failed, ReasonDependency, "dependency build error: failed to add local dependency 'lib': can't get a valid version for constraint '2.x'", "/spec/chart/spec/chart",
		},
		{
			"a local dependency whose version cannot be a range", "", map[string]string{
				"c/Chart.yaml":   meta + "dependencies: [{name: lib, version: x.y.z.w, repository: \"file://../lib\"}]\n",
				"lib/Chart.yaml": "nothing: here\n",
			},
			render.Failed, ReasonDependency, "dependency build error: failed to add local dependency 'lib': invalid version/constraint format 'x.y.z.w': improper constraint: \"x.y.z.w\"", "/spec/chart/spec/chart",
		},
		{
			"a local dependency that is no chart", "", map[string]string{
				"c/Chart.yaml":    meta + "dependencies: [{name: lib, version: 1.x, repository: \"file://../lib\"}]\n",
				"lib/values.yaml": "",
			},
			render.Failed, ReasonDependency, "dependency build error: failed to add local dependency 'lib': failed to load chart from '/lib' (reference 'file://../lib'): Chart.yaml file is missing", "/spec/chart/spec/chart",
		},
		{
			"a remote dependency", "", map[string]string{"c/Chart.yaml": meta + "dependencies: [{name: lib, version: 1.x, repository: \"https://example.com\"}]\n"},
			render.Unknown, ReasonDependencyRemote, "", "/spec/chart/spec/chart",
		},
		{
			"an alias of a repository", "", map[string]string{"c/Chart.yaml": meta + "dependencies: [{name: lib, version: 1.x, repository: \"@stable\"}]\n"},
			render.Failed, ReasonDependency, "dependency build error: failed to add remote dependency 'lib': aliased repository dependency is not supported: @stable", "/spec/chart/spec/chart",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			in := input(gitRelease(t, row.spec), cluster{}, sources{charts: map[string]source.Chart{"demo": gitChart("c", row.files)}})
			_, f := Prepare(t.Context(), in)
			if f == nil {
				t.Fatal("no failure")
			}
			want := render.Condition{}
			if row.state == render.Failed {
				want = render.Condition{Status: "False", Reason: "SourceNotReady", Message: "HelmChart 'flux-system/team-app' is not ready: " + row.message}
			}
			if diff := cmp.Diff(want, f.Ready); diff != "" || f.State != row.state || f.Reason != row.reason || f.Problem.Field != row.field {
				t.Errorf("state %s, reason %s, field %s, ready (-want +got):\n%s", f.State, f.Reason, f.Problem.Field, diff)
			}
			if f.Problem.Pos.File != "hr.yaml" || f.HelmChart == nil {
				t.Errorf("place %v, HelmChart %v", f.Problem.Pos, f.HelmChart)
			}
		})
	}
}

func TestPrepareArtifact(t *testing.T) {
	ref := finding.Ref{Group: sourceGroup, Kind: "OCIRepository", Namespace: "team", Name: "demo"}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": map[string]any{"name": "demo", "namespace": "team"},
	}}
	blob := chart(t, nil).Archive
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, row := range []struct {
		why, kind, namespace string
		artifact             source.Artifact
		absent, external     bool
		version              string
		ready                render.Condition
	}{
		{why: "a tag that is the version", artifact: source.Artifact{Revision: "1.0.0@" + digest, Blob: blob}, version: "1.0.0+0123456789ab"},
		{why: "a tag that is no version", artifact: source.Artifact{Revision: "latest@" + digest, Blob: blob}, version: "1.0.0+0123456789ab"},
		{why: "a tag that is another version", artifact: source.Artifact{Revision: "1.1.0@" + digest, Blob: blob},
			ready: notReady("ChartMutateError", "artifact revision 1.1.0 does not match chart version 1.0.0")},
		{why: "an artifact that is a folder", artifact: source.Artifact{Revision: "latest@" + digest, Files: []source.File{
			{Path: "demo/Chart.yaml", Data: []byte("apiVersion: v2\nname: demo\nversion: 2.0.0\n")}}}, version: "2.0.0+0123456789ab"},
		{why: "an artifact that is no chart", artifact: source.Artifact{Revision: "latest@" + digest, Files: []source.File{{Path: "demo/README.md"}}},
			ready: notReady("ArtifactFailed", "Could not load chart: Chart.yaml file is missing")},
		{why: "no such object", absent: true,
			ready: notReady("ArtifactFailed", `could not get Source object: OCIRepository.source.toolkit.fluxcd.io "demo" not found`)},
		{why: "external artifacts are off by default", kind: "ExternalArtifact",
			ready: notReady("AccessDenied", "can't access 'ExternalArtifact/team/demo', ExternalArtifact feature gate is disabled")},
		{why: "an external artifact without digest", kind: "ExternalArtifact", external: true, artifact: source.Artifact{Revision: "v1", Blob: blob}, version: "1.0.0"},
	} {
		t.Run(row.why, func(t *testing.T) {
			kind := either(row.kind, "OCIRepository")
			hr := release(t, "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: team}\nspec:\n  interval: 1h\n  chartRef: {kind: "+kind+", name: demo}\n")
			ref.Kind = kind
			c, s := cluster{}, sources{artifacts: map[finding.Ref]source.Artifact{}}
			if !row.absent {
				c.objects, s.artifacts[ref] = []*unstructured.Unstructured{object}, row.artifact
			}
			in := input(hr, c, s)
			in.Settings.HelmExternalArtifact = row.external
			p, f := Prepare(t.Context(), in)
			if f != nil {
				if diff := cmp.Diff(row.ready, f.Ready); diff != "" {
					t.Errorf("ready (-want +got):\n%s", diff)
				}
				return
			}
			if p.ChartVersion != row.version || p.HelmChart != nil {
				t.Errorf("version %q, want %q", p.ChartVersion, row.version)
			}
		})
	}
}

func TestPrepareAccess(t *testing.T) {
	in := input(gitRelease(t, ""), cluster{}, sources{})
	in.Settings.HelmNoCrossNamespaceRefs = true
	_, f := Prepare(t.Context(), in)
	if f == nil || f.Reason != ReasonAccess || f.Ready != (render.Condition{}) || f.HelmChart != nil {
		t.Errorf("a chart template in another namespace gets no condition: %+v", f)
	}
}

func TestPrepareHelmChart(t *testing.T) {
	written := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
		"metadata": map[string]any{"name": "mine", "namespace": "team", "generation": int64(2)},
		"spec": map[string]any{"chart": "demo", "valuesFiles": []any{"more.yaml"}, "interval": "1h",
			"sourceRef": map[string]any{"kind": "HelmRepository", "name": "repo"}},
	}}
	hr := release(t, "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: team}\nspec:\n  interval: 1h\n  chartRef: {kind: HelmChart, name: mine}\n")
	in := input(hr, cluster{objects: []*unstructured.Unstructured{written}}, sources{charts: map[string]source.Chart{"demo": chart(t, map[string]string{"more.yaml": "a: b"})}})
	p, f := Prepare(t.Context(), in)
	if f != nil || p.ChartVersion != "1.0.0+2" || p.HelmChart != nil {
		t.Fatalf("version %q, failure %+v", p.ChartVersion, f)
	}
	c, err := p.Chart.Load()
	if err != nil || c.Values["a"] != "b" {
		t.Errorf("values %v, error %v", c.Values, err)
	}
	archive, err := p.Chart.Archive()
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Chart.Archive()
	if err != nil || !bytes.Equal(archive, again) {
		t.Errorf("archives differ: %v", err)
	}
	loaded, err := New(Options{}).artifactChart(source.Artifact{Blob: archive})
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := loaded.Load(); c.Metadata.Version != "1.0.0+2" || c.Values["a"] != "b" {
		t.Errorf("packed chart: %+v, values %v", c.Metadata, c.Values)
	}
}

func TestPrepareHelmChartObject(t *testing.T) {
	in := input(simple(t, "    metadata: {labels: {x: y}, annotations: {a: b}}\n  releaseName: rel\n  targetNamespace: to\n  storageNamespace: store\n"), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, nil)}})
	p, f := Prepare(t.Context(), in)
	if f != nil {
		t.Fatal(f.Problem.Message)
	}
	want := map[string]any{
		"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
		"metadata": map[string]any{
			"name": "team-app", "namespace": "team", "annotations": map[string]any{"a": "b"},
			"labels": map[string]any{"x": "y", "helm.toolkit.fluxcd.io/name": "app", "helm.toolkit.fluxcd.io/namespace": "team"},
		},
		"spec": map[string]any{"chart": "demo", "interval": "1h0m0s", "sourceRef": map[string]any{"kind": "HelmRepository", "name": "repo"}},
	}
	if diff := cmp.Diff(want, p.HelmChart.Object); diff != "" {
		t.Errorf("HelmChart (-want +got):\n%s", diff)
	}
	release := render.Release{Name: "rel", Namespace: "to", StorageNamespace: "store", Chart: "demo", Version: "1.0.0", ValuesDigest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	if diff := cmp.Diff(&release, p.Release()); diff != "" {
		t.Errorf("release (-want +got):\n%s", diff)
	}
	if p.AppVersion != "7" || p.Revision != "1.0.0" {
		t.Errorf("app version %q, revision %q", p.AppVersion, p.Revision)
	}
}

func TestRenderLocalTemplateFailures(t *testing.T) {
	for _, row := range []struct {
		why, template string
		reason, pos   string
		precision     finding.Precision
	}{
		{"a call of fail", "a: b\nc: {{ fail \"no\" }}\n", ReasonTemplateFail, "c/templates/a.yaml:2:7", finding.PrecisionExact},
		{"an index of nothing", "a: b\nc: {{ .Values.x.y }}\n", ReasonTemplate, "c/templates/a.yaml:2:14", finding.PrecisionExact},
		{"an include in a helper", "{{ include \"broken\" . }}", ReasonTemplate, "c/templates/_helpers.tpl:2:11", finding.PrecisionExact},
		{"no template text", "a:\n{{ if }}", ReasonTemplate, "c/templates/a.yaml:2", finding.PrecisionExact},
		{"no YAML", "a: [1\nb: 2\n", ReasonTemplateYAML, "c/templates/a.yaml", finding.PrecisionFile},
	} {
		files := map[string]string{
			"c/Chart.yaml":             "apiVersion: v2\nname: other\nversion: 0.1.0\n",
			"c/templates/_helpers.tpl": "{{ define \"broken\" }}\n{{ .Values.x.y }}{{ end }}\n",
			"c/templates/a.yaml":       row.template,
		}
		in := input(gitRelease(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": gitChart("c", files)}})
		got := New(Options{}).Render(t.Context(), in)
		if got.State != render.Failed || got.Reason != row.reason {
			t.Errorf("%s: state %s, reason %s: %s", row.why, got.State, got.Reason, got.Ready.Message)
			continue
		}
		if p := got.Problems[0].Pos; p.String() != row.pos || p.Precision != row.precision {
			t.Errorf("%s: at %s (%s), want %s; %s", row.why, p, p.Precision, row.pos, got.Problems[0].Message)
		}
	}
}

// TestPrepareRepositoryFailures holds charts of a Helm repository against the
// words of source-controller, and of helm-controller for what only it looks at.
func TestPrepareRepositoryFailures(t *testing.T) {
	const waiting = "HelmChart 'team/team-app' is not ready: "
	archive := func(files map[string]string) []byte { return packed(t, "demo", files) }
	meta := "apiVersion: v2\nname: demo\nversion: 1.0.0\n"
	for _, row := range []struct {
		why, name, spec string
		data            []byte
		reason          string // of the problem
		ready, message  string
	}{
		{"a name that no chart has", "Demo", "", archive(map[string]string{"Chart.yaml": meta}), ReasonChartReference, "SourceNotReady",
			waiting + "invalid chart reference: invalid chart name 'Demo': a valid name must be lower case letters and numbers and MAY be separated with dashes (-), slashes (/) or periods (.)"},
		{"an archive without Chart.yaml", "demo", "", archive(map[string]string{"values.yaml": ""}), ReasonChartReference, "SourceNotReady",
			waiting + "chart pull error: failed to load chart metadata from written chart: no 'Chart.yaml' found"},
		{"a chart without version", "demo", "", archive(map[string]string{"Chart.yaml": "apiVersion: v2\nname: demo\n"}), ReasonChartReference, "SourceNotReady",
			waiting + "chart pull error: failed to validate metadata of written chart: validation: chart.metadata.version is required"},
		{"what only Helm looks at", "demo", "", archive(map[string]string{"Chart.yaml": meta, "values.yaml": "a: ["}), ReasonChartPackage, "ArtifactFailed",
			"Could not load chart: cannot load values.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 1: did not find expected node content"},
		{"a template is no values file", "demo", "      valuesFiles: [templates/x.yaml]\n",
			archive(map[string]string{"Chart.yaml": meta, "values.yaml": "", "templates/x.yaml": "a: 1"}), ReasonValuesFiles, "SourceNotReady",
			waiting + "values files merge error: failed to merge chart values: no values file found at path 'templates/x.yaml'"},
		{"a file of a subchart is no values file", "demo", "      valuesFiles: [charts/sub/values.yaml]\n",
			archive(map[string]string{"Chart.yaml": meta, "values.yaml": "", "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n", "charts/sub/values.yaml": ""}),
			ReasonValuesFiles, "SourceNotReady",
			waiting + "values files merge error: failed to merge chart values: no values file found at path 'charts/sub/values.yaml'"},
	} {
		hr := simple(t, "")
		if err := unstructured.SetNestedField(hr.Object, row.name, "spec", "chart", "spec", "chart"); err != nil {
			t.Fatal(err)
		}
		if row.spec != "" {
			files := strings.Trim(strings.TrimSpace(row.spec)[len("valuesFiles: "):], "[]")
			if err := unstructured.SetNestedStringSlice(hr.Object, []string{files}, "spec", "chart", "spec", "valuesFiles"); err != nil {
				t.Fatal(err)
			}
		}
		in := input(hr, cluster{}, sources{charts: map[string]source.Chart{row.name: {Name: row.name, Version: "1.0.0", Archive: row.data}}})
		_, f := Prepare(t.Context(), in)
		if f == nil {
			t.Errorf("%s: no failure", row.why)
			continue
		}
		if diff := cmp.Diff(notReady(row.ready, row.message), f.Ready); diff != "" || f.Reason != row.reason {
			t.Errorf("%s: reason %s, ready (-want +got):\n%s", row.why, f.Reason, diff)
		}
	}
}

func TestPrepareVersionOfIndex(t *testing.T) {
	hr := simple(t, "")
	if err := unstructured.SetNestedStringSlice(hr.Object, []string{"more.yaml"}, "spec", "chart", "spec", "valuesFiles"); err != nil {
		t.Fatal(err)
	}
	c := chart(t, map[string]string{"more.yaml": "a: 1\n"})
	c.Version = "1.2.0"
	p, f := Prepare(t.Context(), input(hr, cluster{}, sources{charts: map[string]source.Chart{"demo": c}}))
	if f != nil {
		t.Fatal(f.Problem)
	}
	if p.ChartVersion != "1.2.0+1" {
		t.Errorf("the chart that is packed again has version %q, want that of the index with the generation", p.ChartVersion)
	}
}

// TestSourceTemplate holds that a chart which helm-controller fetches in another
// way than through a HelmChart is not taken for one.
func TestSourceTemplate(t *testing.T) {
	const template = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: team}\nspec:\n  interval: 1h\n  chart:\n"
	const repository = "    spec: {chart: demo, sourceRef: {kind: HelmRepository, name: repo}}\n"
	for _, row := range []struct {
		why, spec, flux string
		state           render.State
		reason, place   string
	}{
		{"the template of an OCIRepository", "    kind: OCIRepository\n    spec: {url: \"oci://a.example/b\"}\n", "2.10", render.Unknown, ReasonChartTemplate, "hr.yaml:7:11"},
		{"the kind that it has by default", "    kind: HelmChart\n" + repository, "2.10", render.Rendered, "", ""},
		{"no kind", repository, "2.10", render.Rendered, "", ""},
		{"a server that drops the field", "    kind: OCIRepository\n" + repository, "2.9", render.Rendered, "", ""},
	} {
		charts := map[string]source.Chart{"demo": chart(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: demo\nversion: 0.1.0\n"})}
		in := input(release(t, template+row.spec), cluster{}, sources{charts: charts})
		in.Settings = in.Settings.For(row.flux)
		res := New(Options{Namespaced: scopes}).Render(t.Context(), in)
		if res.State != row.state || res.Reason != row.reason {
			t.Errorf("%s: %s %q, want %s %q: %v", row.why, res.State, res.Reason, row.state, row.reason, res.Problems)
		}
		if row.place != "" && (len(res.Problems) != 1 || res.Problems[0].Pos.String() != row.place) {
			t.Errorf("%s: %v, want one at %s", row.why, res.Problems, row.place)
		}
	}
}
