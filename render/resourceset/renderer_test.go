package resourceset

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// cluster holds the objects of a test.
type cluster []*unstructured.Unstructured

func (c cluster) Get(_ context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	for _, u := range c {
		if render.RefOf(u) == ref {
			return u, render.Present
		}
	}
	return nil, render.Absent
}

func (c cluster) List(_ context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, u := range c {
		if u.GetKind() == gvk.Kind && u.GetNamespace() == namespace {
			out = append(out, u)
		}
	}
	return out
}

func (cluster) Capabilities(context.Context) render.Capabilities { return render.Capabilities{} }

// play renders the first document of a file; the others are in the cluster.
func play(t *testing.T, text string) render.Result {
	t.Helper()
	docs := repo.FromFiles(map[string]string{"set.yaml": text}).Documents()
	var held cluster
	var first *render.Object
	for i, d := range docs {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: m}
		if i == 0 {
			first = &render.Object{Unstructured: u, Origin: render.Origin{Doc: d}}
			continue
		}
		held = append(held, u)
	}
	return New(inputprovider.New(inputprovider.Options{})).Render(context.Background(), render.Input{Object: first, Cluster: held})
}

const head = "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: apps, namespace: team}\nspec:\n"

func declared(name, spec string) string {
	return "---\napiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSetInputProvider\nmetadata: {name: " + name + ", namespace: team, labels: {kind: " + name + "}}\nspec: " + spec + "\n"
}

// TestObjects renders sets that succeed. The objects are written as
// KIND NAMESPACE/NAME and their data, which ConfigMaps hold.
func TestObjects(t *testing.T) {
	template := "  resourcesTemplate: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: "
	tests := []struct {
		why, text string
		want      []string
	}{
		{"one object for each input", head + "  inputs:\n    - {name: a, size: 1}\n    - {name: b, size: 2}\n" + template + "<< inputs.name >>}\n    data: {size: << inputs.size | quote >>}\n",
			[]string{"ConfigMap /a size=1", "ConfigMap /b size=2"}},
		{"resources come before the template, and the first of a name wins", head + "  inputs: [{x: 1}]\n  resources:\n    - {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {from: resources}}\n" + template + "one}\n    data: {from: template}\n",
			[]string{"ConfigMap /one from=resources"}},
		{"without inputs the templates are rendered once", head + template + "one}\n", []string{"ConfigMap /one"}},
		{"values take the type that YAML gives them", head + "  inputs: [{n: 3}]\n  resources:\n    - {apiVersion: v1, kind: ConfigMap, metadata: {name: << inputs.n | printf \"n%v\" >>}, data: {size: << inputs.n >>}}\n",
			[]string{"ConfigMap /n3 size=3"}},
		{"a static provider provides its default values", head + "  inputsFrom: [{name: env}]\n" + template + "<< inputs.env >>-<< inputs.provider.name >>}\n" + declared("env", "{type: Static, defaultValues: {env: prod}}"),
			[]string{"ConfigMap /prod-env"}},
		{"a selector takes every provider that it matches, once", head + "  inputsFrom: [{name: b}, {selector: {matchExpressions: [{key: kind, operator: In, values: [a, b]}]}}]\n" + template + "<< inputs.env >>}\n" +
			declared("a", "{type: Static, defaultValues: {env: one}}") + declared("b", "{type: Static, defaultValues: {env: two}}") + declared("c", "{type: Static, defaultValues: {env: three}}"),
			[]string{"ConfigMap /two", "ConfigMap /one"}},
		{"permutations name the provider", head + "  inputStrategy: {name: Permute}\n  inputs: [{x: 1}, {x: 2}]\n  inputsFrom: [{name: my-env}]\n" + template + "<< inputs.apps.x >>-<< inputs.my_env.env >>}\n" + declared("my-env", "{type: Static, defaultValues: {env: prod}}"),
			[]string{"ConfigMap /1-prod", "ConfigMap /2-prod"}},
		{"an object that asks for it is left out", head + "  inputs: [{on: enabled, name: a}, {on: disabled, name: b}]\n" + template + "<< inputs.name >>, annotations: {fluxcd.controlplane.io/reconcile: << inputs.on >>}}\n",
			[]string{"ConfigMap /a"}},
		{"data are copied", head + template + "one, annotations: {fluxcd.controlplane.io/copyFrom: other/two}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, namespace: other}\ndata: {k: v}\n",
			[]string{"ConfigMap /one k=v"}},
		{"steps follow each other", head + "  steps:\n    - name: first\n      resources: [{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}]\n    - name: second\n      resources: [{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}]\n",
			[]string{"ConfigMap /one", "ConfigMap /two"}},
		{"loops and functions", head + "  inputs: [{names: [Team One, two]}]\n  resourcesTemplate: |\n    <<- range $n := inputs.names >>\n    ---\n    apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: << $n | slugify >>\n    <<- end >>\n",
			[]string{"ConfigMap /team-one", "ConfigMap /two"}},
	}
	for _, tt := range tests {
		res := play(t, tt.text)
		var got []string
		for _, o := range res.Applies {
			line := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
			data, err := yaml.Marshal(o.Object["data"])
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(strings.TrimSpace(string(data)), "\n") {
				if k, v, ok := strings.Cut(l, ": "); ok {
					line += " " + k + "=" + strings.Trim(v, `"`)
				}
			}
			got = append(got, line)
			if want := map[string]string{OwnerGroup + "/name": "apps", OwnerGroup + "/namespace": "team"}; !cmp.Equal(o.GetLabels(), want) {
				t.Errorf("%s: %s has the labels %v, want %v", tt.why, o.Ref(), o.GetLabels(), want)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || res.State != render.Rendered {
			t.Errorf("%s: %s %v\n%s", tt.why, res.State, res.Problems, diff)
		}
	}
}

// TestProblems says what is wrong with sets and where.
func TestProblems(t *testing.T) {
	block := head + "  inputs: [{name: a}]\n  resourcesTemplate: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata:\n"
	tests := []struct {
		why, text   string
		state       render.State
		reason, pos string
	}{
		{"a key that no input has", block + "      name: x-<< inputs.nmae >>\n", render.Failed, "template-failed", "set.yaml:10:18"},
		{"a function that is not there", block + "      name: << inputs.name | camelcase >>\n", render.Failed, "template-syntax", "set.yaml:10"},
		{"an action that does not end", block + "      name: << inputs.name\n", render.Failed, "template-syntax", "set.yaml:10"},
		{"YAML that is none, after a loop", block + "      labels:\n        <<- range list 1 2 3 >>\n        k<< . >>: v\n        <<- end >>\n      name: [\n", render.Failed, "template-yaml", "set.yaml:14"},
		{"an object without a name", head + "  resourcesTemplate: |\n    # nothing\n    apiVersion: v1\n    kind: ConfigMap\n", render.Failed, "template-no-object", "set.yaml:7:5"},
		{"a key in a resource", head + "  inputs: [{name: a}]\n  resources:\n    - apiVersion: v1\n      kind: ConfigMap\n      metadata:\n        name: << inputs.nmae >>\n", render.Failed, "template-failed", "set.yaml:10:15"},
		{"the same name with other content", head + "  inputs: [{v: one}, {v: two}]\n  resourcesTemplate: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: same}\n    data: {v: << inputs.v >>}\n", render.Rendered, "resource-duplicate", "set.yaml:7:5"},
		{"no such provider", head + "  inputsFrom:\n    - name: gone\n", render.Failed, "input-provider-missing", "set.yaml:6:13"},
		{"neither name nor selector", head + "  inputsFrom:\n    - {}\n", render.Failed, "inputs-invalid", "set.yaml:6:7"},
		{"nothing matches", head + "  inputsFrom: [{selector: {matchLabels: {a: b}}}]\n", render.Rendered, "inputs-empty", "set.yaml:5:15"},
		{"a service would have to be asked", head + "  inputsFrom: [{name: prs}]\n" + declared("prs", "{type: GitHubPullRequest, url: https://github.com/a/b}"), render.Unknown, "inputs-not-recorded", "set.yaml:5:16"},
		{"an id that is no text", head + "  inputs: [{id: 5}]\n", render.Failed, "inputs-invalid", "set.yaml:5:17"},
		{"two inputs with one id", head + "  inputs: [{id: a}, {id: a}]\n", render.Failed, "inputs-invalid", "set.yaml:5:26"},
		{"a copy of nothing", head + "  resources:\n    - apiVersion: v1\n      kind: Secret\n      metadata:\n        name: s\n        annotations:\n          fluxcd.controlplane.io/copyFrom: a/b\n", render.Rendered, "copy-source-missing", "set.yaml:11:44"},
		{"steps beside resources", head + "  steps: [{name: a}]\n  resources: [{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}]\n", render.Failed, "inputs-invalid", "set.yaml:5:10"},
		{"a loop that does not end", head + "  resourcesTemplate: |\n    <<- range until 1000000 >><< range until 1000000 >><< end >><< end >>\n", render.Failed, "template-failed", "set.yaml:6"},
		{"a list without end", head + "  resourcesTemplate: |\n    << range until 1000000000 >>x<< end >>\n", render.Failed, "template-failed", "set.yaml:6"},
		{"a list that grows", head + "  resourcesTemplate: |\n    <<- $x := list 1 >><< range until 60 >><<- $x = concat $x $x >><< end >><< len $x >>\n", render.Failed, "template-failed", "set.yaml:6"},
		{"a text that grows", head + "  resourcesTemplate: |\n    <<- $x := \"aaaaaaaaaaaaaaaa\" >><< range until 60 >><<- $x = cat $x $x >><< end >><< $x >>\n", render.Failed, "template-failed", "set.yaml:6"},
		{"a value that grows", head + "  resourcesTemplate: |\n    <<- $x := dict >><< range until 60 >><<- $x = dict \"a\" $x \"b\" $x >><< end >><< $x >>\n", render.Failed, "template-failed", "set.yaml:6"},
	}
	for _, tt := range tests {
		res := play(t, tt.text)
		if res.State != tt.state || len(res.Problems) != 1 {
			t.Errorf("%s: %s with %v, want %s with one problem", tt.why, res.State, res.Problems, tt.state)
			continue
		}
		p := res.Problems[0]
		if p.Reason != tt.reason || p.Pos.String() != tt.pos && !strings.HasPrefix(p.Pos.String(), tt.pos+":") {
			t.Errorf("%s: got %s at %s: %s, want %s at %s", tt.why, p.Reason, p.Pos, p.Message, tt.reason, tt.pos)
		}
	}
}

// TestPlaces says where to edit what templates yield.
func TestPlaces(t *testing.T) {
	res := play(t, head+`  inputs: [{names: [a, b], replicas: 2}]
  resources:
    - apiVersion: v1
      kind: ConfigMap
      metadata:
        name: one
      data:
        key: << inputs.replicas | quote >>
  resourcesTemplate: |
    <<- range inputs.names >>
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: << . >>
    spec:
      replicas: << inputs.replicas >>
      paused: true
    <<- end >>
`)
	tests := []struct {
		object        int
		pointer, want string
	}{
		{0, "/data/key", "set.yaml:12:14"},
		{0, "/metadata/name", "set.yaml:10:15"},
		{1, "", "set.yaml:16:5"},
		{1, "/metadata/name", "set.yaml:19:13"},
		{2, "/metadata/name", "set.yaml:19:13"},
		{2, "/spec/replicas", "set.yaml:21:17"},
		{2, "/spec/paused", "set.yaml:22:15"},
		{2, "/spec/template", "set.yaml:21:7"},
	}
	for _, tt := range tests {
		if len(res.Applies) != 3 {
			t.Fatalf("%d objects, want 3: %v", len(res.Applies), res.Problems)
		}
		if got := res.Applies[tt.object].At(tt.pointer).String(); got != tt.want {
			t.Errorf("object %d, %q: got %s, want %s", tt.object, tt.pointer, got, tt.want)
		}
	}
}
