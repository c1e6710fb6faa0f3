package kustomization

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// fleet is a repository whose file ks.yaml holds the Flux Kustomization under
// test, and every further document of it an object of the cluster.
type fleet struct {
	t    testing.TB
	tree *repo.Tree
	in   render.Input
	root string
	http map[string]string
	keys sops.Keys
	seen []string // values that decryption brought to light
	held map[finding.Ref]*unstructured.Unstructured
}

func newFleet(t testing.TB, files map[string]string) *fleet {
	t.Helper()
	tree := repo.FromFiles(files)
	f := &fleet{t: t, tree: tree, root: onDisk(t, files), held: map[finding.Ref]*unstructured.Unstructured{}}
	for i, d := range tree.File("ks.yaml").Documents() {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		o := &render.Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: render.Origin{Doc: d}}
		if i == 0 {
			f.in = render.Input{Object: o, Settings: render.DefaultSettings(), Cluster: f, Sources: f}
			continue
		}
		f.held[o.Ref()] = o.Unstructured
	}
	return f
}

func (f *fleet) Get(_ context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	u := f.held[ref]
	switch {
	case u == nil:
		return nil, render.Absent
	case u.GetAnnotations()["test/unsure"] != "":
		return u, render.Unsure
	}
	return u, render.Present
}

func (f *fleet) List(context.Context, schema.GroupVersionKind, string) []*unstructured.Unstructured {
	return nil
}

func (f *fleet) Capabilities(context.Context) render.Capabilities { return render.Capabilities{} }

func (f *fleet) Chart(context.Context, finding.Ref, string, string) (source.Chart, *source.Failure) {
	return source.Chart{}, source.NotFound(finding.Ref{})
}

func (f *fleet) Artifact(_ context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	switch ref.Name {
	case "repo":
		a := source.Artifact{Revision: "main@sha1:0", Digest: "sha256:0"}
		for _, file := range f.tree.Files() {
			data, err := file.Data()
			if err != nil {
				f.t.Fatal(err)
			}
			a.Files = append(a.Files, source.File{Path: file.Path, Data: data, Origin: file})
		}
		return a, nil
	case "remote":
		return source.Artifact{}, &source.Failure{Unknown: true, Problem: finding.Problem{Reason: source.ReasonNotLocal, Message: "not at hand"}}
	}
	return source.Artifact{}, source.NotFound(ref)
}

func (f *fleet) render() render.Result {
	r := New(Options{
		Dir:  func(source.Artifact) (string, error) { return f.root, nil },
		HTTP: func(url string) (string, bool) { p, ok := f.http[url]; return p, ok },
		Keys: f.keys, Reveal: func(text string) { f.seen = append(f.seen, text) },
	})
	return r.Render(context.Background(), f.in)
}

const ownerFile = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: app
  namespace: flux-system
spec:
  path: ./app
  sourceRef:
    kind: GitRepository
    name: repo
`

func lines(problems []finding.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Reason+" "+p.Pos.String())
	}
	return out
}

func TestFailures(t *testing.T) {
	cm := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
	tests := map[string]struct {
		reason   string
		flux     string
		files    map[string]string
		settings func(*render.Settings)
		state    render.State
		ready    string
		problems []string
	}{
		"no source": {
			reason: "the text is the API server's",
			flux:   strings.Replace(ownerFile, "name: repo", "name: absent", 1), state: render.Failed,
			ready:    `ArtifactFailed: GitRepository.source.toolkit.fluxcd.io "absent" not found`,
			problems: []string{"source-not-found ks.yaml:9:5"},
		},
		"source not at hand": {
			reason: "the controller may well succeed",
			flux:   strings.Replace(ownerFile, "name: repo", "name: remote", 1), state: render.Unknown,
			problems: []string{"source-not-local ks.yaml:9:5"},
		},
		"other namespace": {
			reason: "access is checked before existence",
			flux:   ownerFile + "    namespace: other\n", state: render.Failed,
			settings: func(s *render.Settings) { s.NoCrossNamespaceRefs = true },
			ready:    "AccessDenied: can't access 'GitRepository/other/repo', cross-namespace references have been blocked",
			problems: []string{"source-access-denied ks.yaml:11:16"},
		},
		"every unset variable": {
			reason: "Ready names the first as the controller does, the problems all of them, in block texts too",
			flux:   ownerFile + "  postBuild:\n    substitute:\n      known: x\n", state: render.Failed,
			files: map[string]string{"app/a.yaml": cm + "data:\n  one: ${ONE}\n  two: \"a ${TWO} ${known}\"\n  text: |\n    first\n      at ${ONE} and $${NOT}\n"},
			ready: `BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: variable substitution failed: variable not set (strict mode): "ONE"`,
			problems: []string{
				"variable-unset app/a.yaml:6:8", "variable-unset app/a.yaml:10:10", "variable-unset app/a.yaml:7:11",
			},
		},
		"unset in an inline patch": {
			reason: "the place is the line of the patch",
			flux:   ownerFile + "  postBuild:\n    substitute:\n      known: x\n", state: render.Failed,
			files: map[string]string{
				"app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n    - op: add\n      path: /data\n      value: {x: \"${ONE}\"}\n",
				"app/a.yaml":             cm,
			},
			ready:    `BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: variable substitution failed: variable not set (strict mode): "ONE"`,
			problems: []string{"variable-unset app/kustomization.yaml:7:19"},
		},
		"unset in a generator file": {
			reason: "the place is the line of the packed file",
			flux:   ownerFile + "  postBuild:\n    substitute:\n      known: x\n", state: render.Failed,
			files: map[string]string{
				"app/kustomization.yaml": "configMapGenerator:\n- name: g\n  options: {disableNameSuffixHash: true}\n  files: [x.sh]\n",
				"app/x.sh":               "echo\necho ${ONE}\n",
			},
			ready:    `BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/g': envsubst error: variable substitution failed: variable not set (strict mode): "ONE"`,
			problems: []string{"variable-unset app/x.sh:2:6"},
		},
		"data made by another object": {
			reason: "nothing may be concluded from it",
			flux: ownerFile + "  postBuild:\n    substituteFrom:\n    - kind: Secret\n      name: s\n---\n" +
				"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: flux-system, annotations: {test/unsure: x}}\n",
			state: render.Unknown, files: map[string]string{"app/a.yaml": cm},
			problems: []string{"data-unknown ks.yaml:13:7"},
		},
		"bad key": {
			reason: "an unused key is enough",
			flux: ownerFile + "  postBuild:\n    substituteFrom:\n    - kind: ConfigMap\n      name: c\n---\n" +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: flux-system}\ndata: {not-a-name: x}\n",
			state: render.Failed, files: map[string]string{"app/a.yaml": cm},
			ready:    "BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: 'not-a-name' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'",
			problems: []string{"variable-name-invalid ks.yaml:13:7"},
		},
		"remote base": {
			reason: "nothing is dialled",
			flux:   ownerFile, state: render.Unknown,
			files:    map[string]string{"app/kustomization.yaml": "resources:\n- https://example.com/x.yaml\n"},
			problems: []string{"remote-base-not-local app/kustomization.yaml:2:3"},
		},
		"file scheme": {
			reason: "git would clone a folder of this machine",
			flux:   ownerFile, state: render.Unknown,
			files:    map[string]string{"app/kustomization.yaml": "components:\n- file:///etc\n"},
			problems: []string{"remote-base-not-local app/kustomization.yaml:2:3"},
		},
		"patch for nobody": {
			reason: "the place is the name in the patch",
			flux:   ownerFile, state: render.Failed,
			files: map[string]string{
				"app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p.yaml\n",
				"app/a.yaml":             cm, "app/p.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
			},
			ready:    `BuildFailed: kustomize build failed: no resource matches strategic merge patch "ConfigMap.v1.[noGrp]/b.[noNs]": no matches for Id ConfigMap.v1.[noGrp]/b.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/b.[noNs]`,
			problems: []string{"patch-no-match app/p.yaml:4:9"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"ks.yaml": test.flux}
			for k, v := range test.files {
				files[k] = v
			}
			f := newFleet(t, files)
			if test.settings != nil {
				test.settings(&f.in.Settings)
			}
			got := f.render()
			ready := ""
			if got.Ready.Reason != "" {
				ready = got.Ready.Reason + ": " + got.Ready.Message
			}
			if got.State != test.state || ready != test.ready {
				t.Errorf("%s: %s %q, want %s %q", test.reason, got.State, ready, test.state, test.ready)
			}
			if diff := cmp.Diff(test.problems, lines(got.Problems)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

const overlayFile = `namePrefix: pre-
namespace: apps
resources:
- ../base
- extra.yaml
configMapGenerator:
- name: gen
  literals: [a=b]
images:
- name: nginx
  newTag: "2"
replicas:
- name: web
  count: 3
labels:
- pairs: {team: blue}
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
    spec:
      template:
        spec:
          containers:
          - name: side
            image: other:1
          - name: web
            args: ["--x"]
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: web
        image: nginx:1
        ports:
        - containerPort: 80
`

func TestPositions(t *testing.T) {
	f := newFleet(t, map[string]string{
		"ks.yaml": ownerFile + `  targetNamespace: prod
  commonMetadata:
    labels:
      owner: us
  patches:
  - target:
      kind: Service
    patch: |
      - op: replace
        path: /spec/ports/0/port
        value: 81
`,
		"app/kustomization.yaml":  overlayFile,
		"app/extra.yaml":          "# comment\n\napiVersion: v1\nkind: Service\nmetadata:\n  name: svc\nspec:\n  ports:\n  - port: 80\n",
		"base/kustomization.yaml": "resources: [web.yaml]\n",
		"base/web.yaml":           deployment,
	})
	res := f.render()
	if res.State != render.Rendered {
		t.Fatalf("%s %s", res.State, res.Ready.Message)
	}
	objects := map[string]*render.Object{}
	for _, o := range res.Applies {
		objects[o.GetKind()] = o
		if o.GetNamespace() != "prod" || o.GetLabels()["owner"] != "us" || o.GetLabels()[Group+"/name"] != "app" {
			t.Errorf("%s has namespace and labels of another build: %v", o.Ref(), o.Object["metadata"])
		}
	}
	tests := []struct{ reason, kind, pointer, want string }{
		{"declared in the base", "Deployment", "", "base/web.yaml:1:1"},
		{"an untouched field", "Deployment", "/spec/template/spec/containers/1/ports/0/containerPort", "base/web.yaml:13:26"},
		{"the elements of a list may change places", "Deployment", "/spec/template/spec/containers/1/name", "app/kustomization.yaml:29:19"},
		{"a list that the patch sets", "Deployment", "/spec/template/spec/containers/1/args", "app/kustomization.yaml:30:19"},
		{"an element that the patch adds", "Deployment", "/spec/template/spec/containers/0/image", "app/kustomization.yaml:28:20"},
		{"the image is last written by images", "Deployment", "/spec/template/spec/containers/1/image", "app/kustomization.yaml:11:11"},
		{"replicas", "Deployment", "/spec/replicas", "app/kustomization.yaml:14:10"},
		{"the prefix makes the name", "Deployment", "/metadata/name", "app/kustomization.yaml:1:13"},
		{"the Flux object replaces the namespace", "Deployment", "/metadata/namespace", "ks.yaml:11:20"},
		{"a label of the layer", "Deployment", "/metadata/labels/team", "app/kustomization.yaml:16:17"},
		{"common metadata", "Deployment", "/metadata/labels/owner", "ks.yaml:14:14"},
		{"a patch of the Flux object", "Service", "/spec/ports/0/port", "ks.yaml:21:16"},
		{"a document after a comment", "Service", "/kind", "app/extra.yaml:4:7"},
		{"a literal", "ConfigMap", "/data/a", "app/kustomization.yaml:8:14"},
	}
	for _, test := range tests {
		if got := objects[test.kind].At(test.pointer).String(); got != test.want {
			t.Errorf("%s: %s %s is at %s, want %s", test.reason, test.kind, test.pointer, got, test.want)
		}
	}
}

func TestRemoteContentFromTheSourceMap(t *testing.T) {
	f := newFleet(t, map[string]string{"ks.yaml": ownerFile, "app/kustomization.yaml": "resources:\n- https://example.com/x.yaml?ref=1\n"})
	local := onDisk(t, map[string]string{"x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far, namespace: default}\n"})
	f.http = map[string]string{"https://example.com/x.yaml?ref=1": local + "/x.yaml"}
	res := f.render()
	if res.State != render.Rendered || len(res.Applies) != 1 || res.Applies[0].GetName() != "far" {
		t.Fatalf("%+v", res)
	}
	f.in.Settings.NoRemoteBases = true
	if res = f.render(); res.State != render.Rendered {
		t.Errorf("the flag is about repositories, not about files: %s %s", res.State, res.Reason)
	}
}

func TestNeeds(t *testing.T) {
	f := newFleet(t, map[string]string{"ks.yaml": ownerFile + `  dependsOn:
  - name: infra
  - {name: crds, namespace: other}
  postBuild:
    substituteFrom:
    - {kind: ConfigMap, name: c, optional: true}
  decryption:
    provider: sops
    secretRef: {name: age}
`})
	want := []render.Need{
		{Kind: render.NeedDependency, Ref: finding.Ref{Group: Group, Kind: "Kustomization", Namespace: "flux-system", Name: "infra"}, Field: "/spec/dependsOn/0"},
		{Kind: render.NeedDependency, Ref: finding.Ref{Group: Group, Kind: "Kustomization", Namespace: "other", Name: "crds"}, Field: "/spec/dependsOn/1"},
		{Kind: render.NeedSource, Ref: finding.Ref{Group: "source.toolkit.fluxcd.io", Kind: "GitRepository", Namespace: "flux-system", Name: "repo"}, Field: "/spec/sourceRef"},
		{Kind: render.NeedData, Ref: finding.Ref{Kind: "ConfigMap", Namespace: "flux-system", Name: "c"}, Optional: true, Field: "/spec/postBuild/substituteFrom/0"},
		{Kind: render.NeedData, Ref: finding.Ref{Kind: "Secret", Namespace: "flux-system", Name: "age"}, Field: "/spec/decryption/secretRef/name"},
	}
	if diff := cmp.Diff(want, New(Options{}).Needs(f.in.Object, f.in.Settings)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
