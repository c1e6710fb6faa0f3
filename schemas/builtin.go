package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

// builtins are the kinds of Kubernetes and their definitions.
type builtins struct {
	kinds       map[schema.GroupVersionKind]archive.Kind
	scopes      map[schema.GroupKind]bool
	definitions map[string]json.RawMessage

	mu       sync.Mutex // guards what follows
	nodes    map[string]*node
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

func loadBuiltins(data []byte) (*builtins, error) {
	var content archive.Kubernetes
	if err := archive.Decode(data, &content); err != nil {
		return nil, err
	}
	b := &builtins{
		kinds:       make(map[schema.GroupVersionKind]archive.Kind, len(content.Kinds)),
		scopes:      map[schema.GroupKind]bool{},
		definitions: content.Definitions,
		nodes:       map[string]*node{},
		compiled:    map[string]*jsonschema.Schema{},
	}
	b.compiler = newCompiler(b.open)
	for _, kind := range content.Kinds {
		gvk := schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
		b.kinds[gvk] = kind
		b.scopes[gvk.GroupKind()] = kind.Namespaced
	}
	return b, nil
}

func loadFlux(data []byte) ([]*unstructured.Unstructured, error) {
	var content []map[string]any
	if err := archive.Decode(data, &content); err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, len(content))
	for i, object := range content {
		out[i] = &unstructured.Unstructured{Object: integers(object).(map[string]any)}
	}
	return out, nil
}

// integers replaces whole float64 numbers by int64, as Kubernetes decodes JSON.
func integers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = integers(value)
		}
	case []any:
		for i, value := range v {
			v[i] = integers(value)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

// open returns the text of a definition by the URL that refers to it.
func (b *builtins) open(url string) (io.ReadCloser, error) {
	raw, ok := b.definitions[strings.TrimPrefix(url, archive.Prefix)]
	if !ok {
		return nil, fmt.Errorf("schema %q is not embedded", url)
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// schema compiles a definition once.
func (b *builtins) schema(definition string) (*jsonschema.Schema, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if compiled, ok := b.compiled[definition]; ok {
		return compiled, nil
	}
	compiled, err := b.compiler.Compile(archive.Prefix + definition)
	if err != nil {
		return nil, err
	}
	b.compiled[definition] = compiled
	return compiled, nil
}

// node parses a definition once; an unknown one allows everything.
func (b *builtins) node(definition string) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := b.nodes[definition]; ok {
		return n
	}
	n := &node{}
	if raw, ok := b.definitions[definition]; ok {
		if err := json.Unmarshal(raw, n); err != nil {
			n = &node{}
		}
	}
	b.nodes[definition] = n
	return n
}

// newCompiler returns a compiler that reads schemas with open only.
func newCompiler(open func(url string) (io.ReadCloser, error)) *jsonschema.Compiler {
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft7
	compiler.LoadURL = open
	for name, check := range formats {
		compiler.Formats[name] = check
	}
	return compiler
}
