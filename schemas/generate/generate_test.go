package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

// inCache skips the test when a module can't be read.
func inCache(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, _, err := module(path); err != nil {
			t.Skipf("skipped: %v", err)
		}
	}
}

// same compares what is embedded with what the generator makes now.
func same(t *testing.T, name string, generated any) {
	t.Helper()
	raw, err := json.Marshal(generated)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join("..", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.Decode(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("schemas/data/%s is out of date, run make generate (-generated +embedded):\n%.4000s", name, diff)
	}
}

func TestEmbeddedKubernetesSchemasAreCurrent(t *testing.T) {
	inCache(t, "k8s.io/kubernetes")
	generated, err := kubernetesSchemas()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "kubernetes.json.zst", generated)
	again, err := kubernetesSchemas()
	if err != nil {
		t.Fatal(err)
	}
	first, err := archive.Encode(generated)
	if err != nil {
		t.Fatal(err)
	}
	second, err := archive.Encode(again)
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Error("two runs give different bytes")
	}
}

// generatedCRDs loads the API packages once for all tests.
var generatedCRDs = sync.OnceValues(fluxCRDs)

func TestEmbeddedFluxCRDsAreCurrent(t *testing.T) {
	inCache(t, fluxModules...)
	generated, err := generatedCRDs()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "flux.json.zst", generated)
}

const artifactCopy = "source.extensions.fluxcd.io: /versions/0/schema/openAPIV3Schema/properties/spec/properties/artifacts/items/properties/copy/items/properties/"

// newer are the places in which the API modules differ from the released CRDs,
// because they are newer.
var newer = []string{
	"artifactgenerators." + artifactCopy + "exclude/items/maxLength",
	"artifactgenerators." + artifactCopy + "to/pattern",
	"helmreleases.helm.toolkit.fluxcd.io: /names/categories",
}

// The CRDs that the real controllers ran with equal the generated ones, but
// for descriptions and for what newer API modules add.
func TestFluxCRDsEqualTheReleasedOnes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(beside.Folder(t, "conformance", "crds"), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs (%v)", err)
	}
	inCache(t, fluxModules...)
	crds, err := generatedCRDs()
	if err != nil {
		t.Fatal(err)
	}
	generated := map[string]map[string]any{}
	for _, object := range crds {
		generated[crdName(object)] = object
	}
	var differing []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var released map[string]any
		if err := yaml.Unmarshal(data, &released); err != nil {
			t.Fatal(err)
		}
		name := crdName(released)
		withoutDescriptions(released["spec"])
		for _, place := range differences("", released["spec"], generated[name]["spec"]) {
			differing = append(differing, name+": "+place)
		}
	}
	slices.Sort(differing)
	if diff := cmp.Diff(newer, differing); diff != "" {
		t.Errorf("places that differ from the released CRDs (-want +got):\n%s", diff)
	}
}

// differences returns the JSON pointers at which two values differ.
func differences(at string, a, b any) []string {
	mapA, okA := a.(map[string]any)
	mapB, okB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	var out []string
	switch {
	case okA && okB:
		names := maps.Clone(mapA)
		maps.Copy(names, mapB)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			out = append(out, differences(at+"/"+name, mapA[name], mapB[name])...)
		}
	case isListA && isListB && len(listA) == len(listB):
		for i := range listA {
			out = append(out, differences(fmt.Sprintf("%s/%d", at, i), listA[i], listB[i])...)
		}
	case !cmp.Equal(a, b):
		out = append(out, at)
	}
	return out
}

// withoutDescriptions removes the descriptions of fields.
func withoutDescriptions(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["description"].(string); ok {
			delete(v, "description")
		}
		for _, value := range v {
			withoutDescriptions(value)
		}
	case []any:
		for _, value := range v {
			withoutDescriptions(value)
		}
	}
}
