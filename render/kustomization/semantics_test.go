package kustomization

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// semantics is one sentence about the controller and a repository that shows it.
type semantics struct {
	reason string
	spec   string            // of the Flux Kustomization, below sourceRef and path ./app; more documents are objects of the cluster
	files  map[string]string // of the repository
	show   []string          // pointers whose values are part of want
	lax    bool              // StrictPostBuildSubstitutions=false
	want   []string          // applied objects, or the message of the Ready condition
}

func checkSemantics(t *testing.T, tests []semantics) {
	t.Helper()
	for _, test := range tests {
		files := map[string]string{"ks.yaml": ownerFile + test.spec}
		for name, content := range test.files {
			files[name] = content
		}
		f := newFleet(t, files)
		f.in.Settings.StrictSubstitution = !test.lax
		res := f.render()
		if diff := cmp.Diff(everything(t, res), everything(t, f.render())); diff != "" {
			t.Errorf("%s: a second render differs:\n%s", test.reason, diff)
		}
		var got []string
		for _, o := range res.Applies {
			got = append(got, shown(o, test.show))
		}
		if res.State != render.Rendered {
			got = []string{res.Ready.Reason + ": " + res.Ready.Message}
			if res.Ready.Reason == "" {
				got = []string{string(res.State) + ": " + res.Reason}
			}
			if len(res.Problems) == 0 || res.Problems[0].Pos.File == "" {
				t.Errorf("%s: fails without a problem that has a place: %v", test.reason, res.Problems)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// everything is all that a render says, as text.
func everything(t *testing.T, res render.Result) string {
	t.Helper()
	all := []any{res.State, res.Reason, res.Ready, res.Problems, res.Revision}
	for _, o := range res.Applies {
		all = append(all, o.Object, o.Origin.Writers, o.Origin.Place, o.At(""))
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func shown(o *render.Object, pointers []string) string {
	s := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
	for _, p := range pointers {
		data, err := json.Marshal(valueAt(map[string]any(o.Object), p))
		if err != nil {
			data = []byte(err.Error())
		}
		t := finding.Tokens(p)
		s += fmt.Sprintf(" %s=%s", t[len(t)-1], data)
	}
	return s
}

// cm is a ConfigMap with data.
func cm(name string, data ...string) string {
	s := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
	if len(data) > 0 {
		s += "data:\n"
		for _, d := range data {
			s += "  " + d + "\n"
		}
	}
	return s
}

const originKey = "/metadata/annotations/config.kubernetes.io~1origin"

func TestFilesThatAreBuilt(t *testing.T) {
	checkSemantics(t, []semantics{
		{
			reason: "without a kustomization file, every .yaml and .yml is taken, hidden ones and hidden folders too, and nothing else",
			files: map[string]string{
				"app/a.yaml": cm("a"), "app/.hidden.yaml": cm("hidden"), "app/.dir/d.yml": cm("dir"), "app/deep/er/e.yaml": cm("deep"),
				"app/x.json": "{}", "app/X.YAML": "no: object", "app/y.yaml.bak": "no: object", "app/README.md": "# x",
			},
			want: []string{"ConfigMap /dir", "ConfigMap /hidden", "ConfigMap /a", "ConfigMap /deep"},
		},
		{
			reason: "a folder with a kustomization file is a base; what it does not list is not looked at",
			files:  map[string]string{"app/a.yaml": cm("a"), "app/sub/kustomization.yml": "resources: [b.yaml]\n", "app/sub/b.yaml": cm("b"), "app/sub/values.yaml": "x: 1\n"},
			want:   []string{"ConfigMap /a", "ConfigMap /b"},
		},
		{
			reason: "a file of comments is fine",
			files:  map[string]string{"app/a.yaml": cm("a"), "app/empty.yaml": "# nothing\n---\n# here\n"},
			want:   []string{"ConfigMap /a"},
		},
		{
			reason: "a file that is no Kubernetes object fails the whole build",
			files:  map[string]string{"app/a.yaml": cm("a"), "app/values.yaml": "replicas: 1\n"},
			want:   []string{"BuildFailed: failed to decode Kubernetes YAML from app/values.yaml: missing Resource metadata"},
		},
		{
			reason: "a Component in a scanned folder is added as a resource and fails",
			files:  map[string]string{"app/c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x-\n", "app/a.yaml": cm("a")},
			want: []string{"BuildFailed: kustomize build failed: accumulating resources: accumulation err='accumulating resources from './c': read app/c: is a directory': " +
				"expected kind != 'Component' for path 'app/c'"},
		},
		{reason: "an empty folder yields nothing", files: map[string]string{"app/README.md": "x"}},
		{reason: "so does an empty list", files: map[string]string{"app/kustomization.yaml": "resources: []\n"}},
		{reason: "the path cannot leave the artifact", spec: "  namePrefix: x-\n", files: map[string]string{"app/a.yaml": cm("a")}, want: []string{"ConfigMap /x-a"}},
		{
			reason: "the name without extension is found, after the other two",
			files:  map[string]string{"app/Kustomization": "resources: [a.yaml]\n", "app/a.yaml": cm("a"), "app/b.yaml": cm("b")},
			want:   []string{"ConfigMap /a"},
		},
		{
			reason: "of two names the first is read by the generator, but kustomize refuses both",
			files:  map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/kustomization.yml": "resources: []\n", "app/a.yaml": cm("a")},
			want:   []string{"BuildFailed: kustomize build failed: Found multiple kustomization files under: app\n"},
		},
		{
			reason: "an unknown field of the root file is dropped without a word",
			files:  map[string]string{"app/kustomization.yaml": "namePrefx: x-\nresources: [a.yaml]\n", "app/a.yaml": cm("a")},
			want:   []string{"ConfigMap /a"},
		},
		{
			reason: "the same one level down fails",
			files:  map[string]string{"app/kustomization.yaml": "resources: [b]\n", "app/b/kustomization.yaml": "namePrefx: x-\nresources: [a.yaml]\n", "app/b/a.yaml": cm("a")},
			want: []string{"BuildFailed: kustomize build failed: accumulating resources: accumulation err='accumulating resources from 'b': read app/b: is a directory': " +
				"couldn't make target for path 'app/b': invalid Kustomization: json: unknown field \"namePrefx\""},
		},
		{
			reason: "a file with generators only gets origin annotations, which reach the cluster",
			files:  map[string]string{"app/kustomization.yaml": "configMapGenerator:\n- name: g\n  literals: [a=b]\n  options: {disableNameSuffixHash: true}\n"},
			show:   []string{originKey}, want: []string{`ConfigMap /g config.kubernetes.io/origin="configuredIn: kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"`},
		},
		{
			reason: "a Flux Kustomization under the name of a kustomization file",
			files:  map[string]string{"app/kustomization.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec: {}\n"},
			want:   []string{"BuildFailed: kustomize build failed: Failed to read kustomization file under app:\napiVersion for Kustomization should be kustomize.config.k8s.io/v1beta1"},
		},
		{
			reason: "a base outside of the folder, but inside the artifact",
			files:  map[string]string{"app/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": cm("a")},
			want:   []string{"ConfigMap /a"},
		},
		{
			reason: "one object through two bases",
			files: map[string]string{"app/kustomization.yaml": "resources: [../x, ../y]\n", "x/kustomization.yaml": "resources: [../base]\n",
				"y/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": cm("a")},
			want: []string{"BuildFailed: kustomize build failed: accumulating resources: accumulation err='accumulating resources from '../y': read y: is a directory': " +
				"recursed merging from path 'y': may not add resource with an already registered id: ConfigMap.v1.[noGrp]/a.[noNs]"},
		},
		{
			reason: "an item of a list is an object of its own, and no more than that is looked at",
			files:  map[string]string{"app/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"},
			want:   []string{"ConfigMap /a", "Secret /b"},
		},
	})
}

func TestFieldsOfTheFluxObject(t *testing.T) {
	namespaces := "apiVersion: v1\nkind: Namespace\nmetadata: {name: old}\n"
	checkSemantics(t, []semantics{
		{
			reason: "namespace, prefix and suffix replace those of the root file, not of its bases",
			spec:   "  targetNamespace: new\n  namePrefix: f-\n  nameSuffix: -s\n",
			files: map[string]string{"app/kustomization.yaml": "namespace: old\nnamePrefix: r-\nnameSuffix: -r\nresources: [../base]\n",
				"base/kustomization.yaml": "namePrefix: b-\nresources: [a.yaml]\n", "base/a.yaml": cm("a")},
			want: []string{"ConfigMap new/f-b-a-s"},
		},
		{
			reason: "a Namespace is renamed to the target namespace, whatever its name",
			spec:   "  targetNamespace: new\n  namePrefix: f-\n", files: map[string]string{"app/a.yaml": namespaces + "---\n" + cm("a")},
			want: []string{"Namespace /new", "ConfigMap new/f-a"},
		},
		{
			reason: "two of them then have one name",
			spec:   "  targetNamespace: new\n", files: map[string]string{"app/a.yaml": namespaces + "---\n" + strings.Replace(namespaces, "old", "other", 1)},
			want: []string{"BuildFailed: kustomize build failed: namespace transformation produces ID conflict: [" +
				"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"annotations\":{\"internal.config.kubernetes.io/previousKinds\":\"Namespace\",\"internal.config.kubernetes.io/previousNames\":\"old\",\"internal.config.kubernetes.io/previousNamespaces\":\"_non_namespaceable_\"},\"name\":\"new\"}} " +
				"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"annotations\":{\"internal.config.kubernetes.io/previousKinds\":\"Namespace\",\"internal.config.kubernetes.io/previousNames\":\"other\",\"internal.config.kubernetes.io/previousNamespaces\":\"_non_namespaceable_\"},\"name\":\"new\"}}]"},
		},
		{
			reason: "a suffix stands before the hash of a generated name",
			spec:   "  nameSuffix: -s\n", files: map[string]string{"app/kustomization.yaml": "resources: []\nconfigMapGenerator:\n- {name: g, literals: [a=b]}\n"},
			want: []string{"ConfigMap /g-s-4h2mbtbbt6"},
		},
		{
			reason: "subjects named default follow the namespace, others only with their ServiceAccount",
			spec:   "  targetNamespace: new\n",
			files: map[string]string{"app/a.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\nsubjects:\n" +
				"- {kind: ServiceAccount, name: default, namespace: old}\n- {kind: ServiceAccount, name: mine, namespace: old}\n- {kind: ServiceAccount, name: far, namespace: old}\n" +
				"---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mine, namespace: old}\n"},
			show: []string{"/subjects/0/namespace", "/subjects/1/namespace", "/subjects/2/namespace"},
			want: []string{`RoleBinding new/b namespace="new" namespace="new" namespace="old"`, "ServiceAccount new/mine namespace=null namespace=null namespace=null"},
		},
		{
			reason: "a kind that kustomize does not know counts as namespaced",
			spec:   "  targetNamespace: new\n", files: map[string]string{"app/a.yaml": "apiVersion: example.com/v1\nkind: Cluster\nmetadata: {name: c}\n"},
			want: []string{"Cluster new/c"},
		},
		{
			reason: "patches come after those of the file, and see names before prefix and namespace",
			spec:   "  targetNamespace: new\n  namePrefix: f-\n  patches:\n  - patch: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: a}\n      data: {x: flux}\n",
			files: map[string]string{"app/a.yaml": cm("a", "x: base"),
				"app/kustomization.yaml": "resources: [a.yaml]\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: file, y: file}}'\n"},
			show: []string{"/data/x", "/data/y"}, want: []string{`ConfigMap new/f-a x="flux" y="file"`},
		},
		{
			reason: "a target is a set of anchored patterns and selectors; one that matches nothing is no mistake",
			spec: "  patches:\n  - target: {kind: Config.*, name: a|b, labelSelector: 'x=y'}\n    patch: |\n      - {op: add, path: /data, value: {k: v}}\n" +
				"  - target: {name: nobody}\n    patch: |\n      - {op: remove, path: /nothing}\n",
			files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {x: y}}\n---\n" + cm("b") + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ab, labels: {x: y}}\n"},
			show:  []string{"/data/k"}, want: []string{`ConfigMap /a k="v"`, "ConfigMap /b k=null", "ConfigMap /ab k=null"},
		},
		{
			reason: "a JSON patch needs a target",
			spec:   "  patches:\n  - patch: |\n      - {op: add, path: /data, value: {}}\n", files: map[string]string{"app/a.yaml": cm("a")},
			want: []string{"BuildFailed: kustomize build failed: must specify a target for JSON patch [patch: \"- {op: add, path: /data, value: {}}\"]"},
		},
		{
			reason: "a merge patch without a target must match",
			spec:   "  patches:\n  - patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}'\n", files: map[string]string{"app/a.yaml": cm("a")},
			want: []string{`BuildFailed: kustomize build failed: no resource matches strategic merge patch "ConfigMap.v1.[noGrp]/b.[noNs]": ` +
				"no matches for Id ConfigMap.v1.[noGrp]/b.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/b.[noNs]"},
		},
		{
			reason: "a patch can delete an object",
			spec:   "  patches:\n  - patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, $patch: delete}'\n", files: map[string]string{"app/a.yaml": cm("a") + "---\n" + cm("b")},
			want: []string{"ConfigMap /b"},
		},
		{
			reason: "an image with a new name only keeps the tag of the file; a tag drops its digest",
			spec:   "  images:\n  - {name: nginx, newName: mirror/nginx}\n  - {name: redis, newTag: \"8\"}\n",
			files: map[string]string{
				"app/kustomization.yaml": "resources: [p.yaml]\nimages:\n- {name: nginx, newTag: \"2\"}\n- {name: redis, digest: sha256:0000000000000000000000000000000000000000000000000000000000000000}\n",
				"app/p.yaml":             "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: a, image: nginx:1}, {name: b, image: redis:1}]\n",
			},
			show: []string{"/spec/containers/0/image", "/spec/containers/1/image"}, want: []string{`Pod /p image="mirror/nginx:2" image="redis:8"`},
		},
		{
			reason: "components see the target namespace, prefix and common metadata of the Flux object",
			spec:   "  targetNamespace: new\n  namePrefix: f-\n  commonMetadata: {labels: {l: v}}\n  components: [../comp]\n",
			files: map[string]string{"app/a.yaml": cm("a"), "comp/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\ncommonAnnotations: {from: comp}\n",
				"comp/c.yaml": cm("c")},
			show: []string{"/metadata/annotations/from", "/metadata/labels/l"},
			want: []string{`ConfigMap new/f-a from="comp" l="v"`, `ConfigMap new/f-c from="comp" l="v"`},
		},
		{
			reason: "a component has to be a local, relative path",
			spec:   "  components: [https://example.com/x]\n", files: map[string]string{"app/a.yaml": cm("a")},
			want: []string{"BuildFailed: component path 'https://example.com/x' must be local and relative"},
		},
		{
			reason: "a missing component can be ignored", spec: "  components: [../gone]\n  ignoreMissingComponents: true\n",
			files: map[string]string{"app/a.yaml": cm("a")}, want: []string{"ConfigMap /a"},
		},
		{
			reason: "or is an error", spec: "  components: [../gone]\n", files: map[string]string{"app/a.yaml": cm("a")},
			want: []string{`BuildFailed: kustomize build failed: accumulating components: loader.New "must build at directory: not a valid directory: evalsymlink failure on 'gone' : lstat gone: no such file or directory"`},
		},
		{
			reason: "buildMetadata replaces that of the file",
			spec:   "  buildMetadata: [originAnnotations]\n",
			files:  map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\nbuildMetadata: [managedByLabel]\n", "app/a.yaml": cm("a")},
			show:   []string{originKey, "/metadata/labels/app.kubernetes.io~1managed-by"}, want: []string{`ConfigMap /a config.kubernetes.io/origin="path: a.yaml\n" app.kubernetes.io/managed-by=null`},
		},
		{
			reason: "common metadata comes after the owner labels and may replace them",
			spec:   "  commonMetadata: {labels: {kustomize.toolkit.fluxcd.io/name: other}}\n", files: map[string]string{"app/a.yaml": cm("a")},
			show: []string{"/metadata/labels/kustomize.toolkit.fluxcd.io~1name"}, want: []string{`ConfigMap /a kustomize.toolkit.fluxcd.io/name="other"`},
		},
	})
}

// TestOldVersions shows that fields which v1 does not have change nothing.
func TestOldVersions(t *testing.T) {
	old := strings.Replace(ownerFile, "toolkit.fluxcd.io/v1", "toolkit.fluxcd.io/v1beta2", 1)
	f := newFleet(t, map[string]string{"app/a.yaml": cm("a", "x: base"), "ks.yaml": old + `  validation: client
  namePrefix: x-
  patchesStrategicMerge:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: patch}}
  patchesJson6902:
  - target: {kind: ConfigMap, name: a}
    patch: [{op: add, path: /data/y, value: z}]
`})
	res := f.render()
	if res.State != render.Rendered || len(res.Applies) != 1 {
		t.Fatalf("%s %s", res.State, res.Ready.Message)
	}
	if got := shown(res.Applies[0], []string{"/data/x", "/data/y"}); got != `ConfigMap /x-a x="base" y=null` {
		t.Error(got)
	}
}
