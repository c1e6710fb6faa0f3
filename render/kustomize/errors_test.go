package kustomize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"

// artifact writes files to a folder and returns it.
func artifact(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func fluxObject(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
		"metadata": map[string]any{"name": "app", "namespace": "flux-system"}, "spec": spec,
	}}
}

func attempt(in Input) (*Built, *Failure) {
	plan, failure := Prepare(in)
	if failure != nil {
		return nil, failure
	}
	built, failure := plan.Build()
	if failure != nil {
		return nil, failure
	}
	for _, r := range built.Resources {
		if _, failure := r.Objects(); failure != nil {
			return nil, failure
		}
	}
	return built, nil
}

// what keeps of a Failure what says where the mistake is.
func what(f *Failure) Failure {
	return Failure{Reason: f.Reason, Path: f.Path, File: f.File, Line: f.Line, Entry: f.Entry, Object: f.Object, Field: f.Field}
}

func TestTranslate(t *testing.T) {
	k := "kustomization.yaml"
	tests := map[string]struct {
		files map[string]string
		spec  map[string]any
		want  Failure
	}{
		"a listed file that is absent": {
			files: map[string]string{k: "resources: [sub]\n", "sub/" + k: "resources: [x.yaml]\n"},
			want:  Failure{Reason: "resource-file-missing", Path: "sub/x.yaml", Entry: "x.yaml", File: "sub"},
		},
		"a file that is no object, scanned": {
			files: map[string]string{"values.yaml": "a: 1\n"},
			want:  Failure{Reason: "not-kubernetes-yaml", Path: "values.yaml"},
		},
		"a file that is no object, listed": {
			files: map[string]string{k: "resources: [values.yaml]\n", "values.yaml": "a: 1\n"},
			want:  Failure{Reason: "not-kubernetes-yaml", Entry: "values.yaml"},
		},
		"malformed, scanned": {
			files: map[string]string{"b.yaml": "a: b\nc: d: e\n"},
			want:  Failure{Reason: "malformed-yaml", Path: "b.yaml", Line: 2},
		},
		"malformed, listed": {
			files: map[string]string{k: "resources: [b.yaml]\n", "b.yaml": "a: b\nc: d: e\n"},
			want:  Failure{Reason: "malformed-yaml", Entry: "b.yaml", Line: 2},
		},
		"one object twice": {
			files: map[string]string{k: "resources: [a.yaml, b.yaml]\n", "a.yaml": configMap, "b.yaml": configMap},
			want:  Failure{Reason: "duplicate-object", Entry: "b.yaml", Object: "ConfigMap.v1.[noGrp]/a.[noNs]"},
		},
		"one key twice": {
			files: map[string]string{"a.yaml": configMap + "data:\n  k: a\n  k: b\n"},
			want:  Failure{Reason: "duplicate-key", Field: "k", Line: 7},
		},
		"an unknown field one level down": {
			files: map[string]string{k: "resources: [sub]\n", "sub/" + k: "resource: [x.yaml]\n"},
			want:  Failure{Reason: "kustomization-unknown-field", File: "sub", Entry: "sub", Field: "resource"},
		},
		"a component among resources": {
			files: map[string]string{k: "resources: [sub]\n", "sub/" + k: "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n", "sub/a.yaml": configMap},
			want:  Failure{Reason: "component-as-resource", Path: "sub", Entry: "sub"},
		},
		"a base among components": {
			files: map[string]string{k: "components: [sub]\n", "sub/" + k: "resources: [a.yaml]\n", "sub/a.yaml": configMap},
			want:  Failure{Reason: "resource-as-component", Path: "sub"},
		},
		"a patch for nobody": {
			files: map[string]string{k: "resources: [a.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: b}\n", "a.yaml": configMap},
			want:  Failure{Reason: "patch-no-match", Object: "ConfigMap.v1.[noGrp]/b.[noNs]"},
		},
		"a JSON patch without target": {
			files: map[string]string{k: "resources: [a.yaml]\npatches:\n- patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'\n", "a.yaml": configMap},
			want:  Failure{Reason: "patch-without-target"},
		},
		"a JSON patch below nothing": {
			files: map[string]string{k: "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{\"op\": \"replace\", \"path\": \"/data/x\", \"value\": \"1\"}]'\n", "a.yaml": configMap},
			want:  Failure{Reason: "patch-path-missing", Field: "/data/x"},
		},
		"a patch file that is absent": {
			files: map[string]string{k: "resources: [a.yaml]\npatches:\n- path: p.yaml\n", "a.yaml": configMap},
			want:  Failure{Reason: "patch-file-missing", Entry: "p.yaml"},
		},
		"a patch that is text": {
			files: map[string]string{k: "resources: [a.yaml]\npatches:\n- patch: hello\n", "a.yaml": configMap},
			want:  Failure{Reason: "patch-invalid"},
		},
		"a generator file that is absent": {
			files: map[string]string{k: "configMapGenerator:\n- name: x\n  files: [x.txt]\n"},
			want:  Failure{Reason: "generator-file-missing", Path: "x.txt"},
		},
		"a literal without value": {
			files: map[string]string{k: "configMapGenerator:\n- name: x\n  literals: [x]\n"},
			want:  Failure{Reason: "generator-source-invalid"},
		},
		"a generator for an object that is there": {
			files: map[string]string{k: "resources: [a.yaml]\nconfigMapGenerator:\n- name: a\n  literals: [x=y]\n", "a.yaml": configMap},
			want:  Failure{Reason: "generator-duplicate", Object: "a"},
		},
		"a generator that merges into nothing": {
			files: map[string]string{k: "resources: [a.yaml]\nconfigMapGenerator:\n- name: b\n  behavior: merge\n  literals: [x=y]\n", "a.yaml": configMap},
			want:  Failure{Reason: "generator-target-missing", Object: "b"},
		},
		"a path out of the source": {
			files: map[string]string{k: "resources: [../../x.yaml]\n"},
			want:  Failure{Reason: "path-outside-artifact", Path: "../../x.yaml", Entry: "../../x.yaml"},
		},
		"helm charts": {
			files: map[string]string{k: "helmCharts:\n- name: x\n  repo: https://charts.example\n"},
			want:  Failure{Reason: "helm-charts-disabled"},
		},
		"a folder without kustomization file": {
			files: map[string]string{k: "resources: [sub]\n", "sub/a.yaml": configMap},
			want:  Failure{Reason: "kustomization-file-missing", Path: "sub", File: "sub", Entry: "sub"},
		},
		"bases in a circle": {
			files: map[string]string{k: "resources: [a]\n", "a/" + k: "resources: [../b]\n", "b/" + k: "resources: [../a]\n"},
			want:  Failure{Reason: "base-cycle", Path: "a", File: "b", Entry: "../a"},
		},
		"two namespaces become one": {
			files: map[string]string{"a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"},
			spec:  map[string]any{"targetNamespace": "c"},
			want:  Failure{Reason: "namespace-conflict"},
		},
		"a Flux Kustomization in the file's place": {
			files: map[string]string{k: "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\nspec: {path: ./}\nresources: [a.yaml]\n", "a.yaml": configMap},
			want:  Failure{Reason: "kustomization-invalid", File: "."},
		},
		"replicas for nobody": {
			files: map[string]string{k: "resources: [a.yaml]\nreplicas:\n- name: web\n  count: 2\n", "a.yaml": configMap},
			want:  Failure{Reason: "replicas-no-match", Object: "web"},
		},
		"a replacement from nowhere": {
			files: map[string]string{k: "resources: [a.yaml]\nreplacements:\n- source: {kind: Secret, name: s}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.x]\n", "a.yaml": configMap},
			want:  Failure{Reason: "replacement-no-match"},
		},
		"two kustomization files": {
			files: map[string]string{k: "resources: [sub]\n", "sub/" + k: "resources: []\n", "sub/kustomization.yml": "resources: []\n"},
			want:  Failure{Reason: "several-kustomization-files", File: "sub", Entry: "sub"},
		},
		"an absolute component": {
			files: map[string]string{k: "resources: [a.yaml]\n", "a.yaml": configMap},
			spec:  map[string]any{"components": []any{"/etc"}},
			want:  Failure{Reason: "component-path-invalid", Entry: "/etc"},
		},
		"no such folder": {
			files: map[string]string{"a.yaml": configMap},
			spec:  map[string]any{"path": "./b"},
			want:  Failure{Reason: "path-not-found", Path: "b"},
		},
		"a file as folder": {
			files: map[string]string{"a.yaml": configMap},
			spec:  map[string]any{"path": "a.yaml"},
			want:  Failure{Reason: "path-not-directory", Path: "a.yaml"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := artifact(t, test.files)
			dir, _ := test.spec["path"].(string)
			_, failure := attempt(Input{Root: root, Path: dir, Object: fluxObject(test.spec)})
			if failure == nil {
				t.Fatal("builds, want a failure")
			}
			if diff := cmp.Diff(test.want, what(failure)); diff != "" {
				t.Errorf("(-want +got):\n%s%s", diff, failure.Message)
			}
			if strings.Contains(failure.Message, root) {
				t.Errorf("the message names the work folder: %s", failure.Message)
			}
		})
	}
}

func TestTranslateKeepsUnknownText(t *testing.T) {
	want := Failure{Reason: "build-failed", Condition: "BuildFailed", Message: "the moon is full"}
	if diff := cmp.Diff(want, *translate("the moon is full")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Places in memory, which kustomize prints, are no part of a message.
func TestMessagesWithoutAddresses(t *testing.T) {
	generator := "configMapGenerator:\n- {name: x, namespace: default, behavior: merge, literals: [a=1]}\n"
	for name, text := range map[string]string{
		"two places":                  generator,
		"a place and what is not set": "resources: [base]\n" + generator,
	} {
		t.Run(name, func(t *testing.T) {
			root := artifact(t, map[string]string{
				"kustomization.yaml": text, "base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": configMap,
			})
			_, failure := attempt(Input{Root: root, Object: fluxObject(nil)})
			if failure == nil {
				t.Fatal("there is nothing to merge into, and the build succeeds")
			}
			if want := "kustomize build failed: merging from generator &{}: id resid.ResId{"; !strings.HasPrefix(failure.Message, want) {
				t.Errorf("the message is %q, want it to begin with %q", failure.Message, want)
			}
		})
	}
}
