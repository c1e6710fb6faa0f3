package schemas_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// shared returns a folder beside the module, and skips the test without it.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: %s is not here", filepath.Join(elements...))
	}
	return path
}

// readObjects decodes all YAML documents of a file.
func readObjects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var out []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if object.Object != nil {
			out = append(out, object)
		}
	}
}

// Objects that a real API server stored have no violation.
func TestStoredObjectsAreValid(t *testing.T) {
	cases := shared(t, "conformance", "cases")
	files, err := filepath.Glob(filepath.Join(cases, "*", "expect", "*", "objects.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no records in %s: %v", cases, err)
	}
	catalog, err := schemas.New(schemas.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checked, unknown := 0, map[string]int{}
	for _, file := range files {
		objects := readObjects(t, file)
		known := catalog.With(objects)
		for _, object := range objects {
			unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
			if !known.Lookup(object.GroupVersionKind()).Schema {
				unknown[object.GroupVersionKind().String()]++
				continue
			}
			checked++
			for _, violation := range known.Validate(object.Object) {
				t.Errorf("%s: %s %s: %+v", file, object.GetKind(), object.GetName(), violation)
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d objects checked", checked)
	}
	t.Log(fmt.Sprintf("%d objects checked; without schema: %v", checked, unknown))
}
