package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// custom is a kind that a CRD declares.
type custom struct {
	source     Source
	namespaced bool
	versions   map[string]*customVersion // the served ones
	builtin    *builtins
}

// customVersion is one served version of a custom kind.
type customVersion struct {
	openAPI map[string]any
	status  bool // status is a subresource: ignored when an object is applied

	once     sync.Once // guards what follows
	root     *node
	compiled *jsonschema.Schema
	raw      []byte
	err      error

	shape      sync.Once // guards what follows
	structural *structural.Structural
}

// readCRD returns the kind that a CRD declares, nil if it declares none.
func readCRD(object map[string]any, source Source) (schema.GroupKind, *custom) {
	u := unstructured.Unstructured{Object: object}
	if u.GetKind() != "CustomResourceDefinition" || u.GroupVersionKind().Group != "apiextensions.k8s.io" {
		return schema.GroupKind{}, nil
	}
	spec, _ := object["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	kind, _ := names["kind"].(string)
	if group == "" || kind == "" {
		return schema.GroupKind{}, nil
	}
	known := &custom{source: source, namespaced: spec["scope"] == "Namespaced", versions: map[string]*customVersion{}}
	list, _ := spec["versions"].([]any)
	if version, ok := spec["version"].(string); ok && len(list) == 0 {
		list = []any{map[string]any{"name": version, "served": true}}
	}
	for _, item := range list {
		version, _ := item.(map[string]any)
		name, _ := version["name"].(string)
		if name == "" || version["served"] != true {
			continue
		}
		known.versions[name] = readVersion(spec, version)
	}
	if len(known.versions) == 0 {
		return schema.GroupKind{}, nil
	}
	return schema.GroupKind{Group: group, Kind: kind}, known
}

// readVersion also reads what apiextensions.k8s.io/v1beta1 declares once for
// all versions.
func readVersion(spec, version map[string]any) *customVersion {
	part := func(own, common string) map[string]any {
		if found, ok := version[own].(map[string]any); ok {
			return found
		}
		found, _ := spec[common].(map[string]any)
		return found
	}
	openAPI, _ := part("schema", "validation")["openAPIV3Schema"].(map[string]any)
	_, status := part("subresources", "subresources")["status"]
	if spec["preserveUnknownFields"] == true {
		openAPI = map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	}
	return &customVersion{openAPI: openAPI, status: status}
}

// version returns a served version, else nil.
func (c *custom) version(name string) *customVersion { return c.versions[name] }

const customURL = "crd://schema"

// prepare translates and compiles the schema once.
func (v *customVersion) prepare(b *builtins) error {
	v.once.Do(func() {
		v.err = v.compile(b)
		if v.err != nil {
			v.root = &node{}
		}
	})
	return v.err
}

// maxNesting is how deep values may stand in a schema. Compiling takes time
// with the cube of it; the deepest that are in use have a third.
const maxNesting = 200

// nested reports whether a value holds others deeper than depth.
func nested(value any, depth int) bool {
	if depth < 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			if nested(v, depth-1) {
				return true
			}
		}
	case []any:
		for _, v := range value {
			if nested(v, depth-1) {
				return true
			}
		}
	}
	return false
}

func (v *customVersion) compile(b *builtins) error {
	if nested(v.openAPI, maxNesting) {
		return fmt.Errorf("its values stand in one another deeper than %d levels", maxNesting)
	}
	raw, err := json.Marshal(translateRoot(v.openAPI))
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	v.raw, v.root = raw, &node{}
	if err := json.Unmarshal(raw, v.root); err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	compiler := newCompiler(func(url string) (io.ReadCloser, error) {
		if url == customURL {
			return io.NopCloser(bytes.NewReader(raw)), nil
		}
		return b.open(url)
	})
	if v.compiled, err = compiler.Compile(customURL); err != nil {
		return fmt.Errorf("compile schema: %w", err)
	}
	return nil
}
