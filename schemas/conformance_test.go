package schemas_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// unmask puts values back that the records leave out.
var unmask = strings.NewReplacer(
	"__GIT_URL__", "http://git.example.com",
	"__HELM_URL__", "http://charts.example.com",
	"__OCI_URL__", "oci://registry.example.com",
	"<set>", "2026-01-01T00:00:00Z",
	"<uid>", "0e0f6a4e-5a0c-4f0e-8d7c-8a2a0f3a3b11",
)

// readObjects decodes all YAML documents of a file.
func readObjects(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(unmask.Replace(string(data)))
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
	cases := beside.Folder(t, "conformance", "cases")
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
			// The records reduce managedFields and the content of Helm's Secrets.
			unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
			delete(object.Object, "helmRelease")
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
	t.Logf("%d objects checked; without schema: %v", checked, unknown)
}
