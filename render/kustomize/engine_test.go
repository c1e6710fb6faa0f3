package kustomize

import "testing"

// A schema of one build must not change the next: the custom resource's list
// is merged by key under the schema, and replaced without it.
func TestSchemaOfOneBuildDoesNotReachTheNext(t *testing.T) {
	base := map[string]string{
		"a.yaml": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  items:\n  - {name: x, v: 1}\n",
		"p.yaml": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  items:\n  - {name: y, v: 2}\n",
		"schema.json": `{"definitions": {"com.example.v1.Thing": {"properties": {"spec": {"properties": {"items": {"type": "array",
			"items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}},
			"x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Thing", "version": "v1"}]}}}`,
	}
	items := func(kustomization string) int {
		t.Helper()
		files := map[string]string{"kustomization.yaml": kustomization}
		for k, v := range base {
			files[k] = v
		}
		built, failure := attempt(Input{Root: artifact(t, files), Object: fluxObject(map[string]any{})})
		if failure != nil {
			t.Fatal(failure.Message)
		}
		content, err := built.Resources[0].Content()
		if err != nil {
			t.Fatal(err)
		}
		spec, _ := content["spec"].(map[string]any)
		list, _ := spec["items"].([]any)
		return len(list)
	}
	plain := "resources: [a.yaml]\npatches: [{path: p.yaml}]\n"
	for i, want := range []int{1, 2, 1} {
		kustomization := plain
		if want == 2 {
			kustomization += "openapi: {path: schema.json}\n"
		}
		if got := items(kustomization); got != want {
			t.Errorf("build %d has %d items, want %d", i, got, want)
		}
	}
}
