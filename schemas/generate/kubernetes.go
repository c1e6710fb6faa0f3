package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

// openAPI is the part of an OpenAPI document that is read.
type openAPI struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
}

type groupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// kubernetesSchemas reads the OpenAPI documents of the Kubernetes module.
func kubernetesSchemas() (archive.Kubernetes, error) {
	dir, version, err := module("k8s.io/kubernetes")
	if err != nil {
		return archive.Kubernetes{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "api", "openapi-spec", "v3", "*.json"))
	if err != nil || len(files) == 0 {
		return archive.Kubernetes{}, fmt.Errorf("no OpenAPI documents in %s", dir)
	}
	all := map[string]map[string]any{}
	kinds := map[groupVersionKind]archive.Kind{}
	for _, file := range files {
		doc, err := readOpenAPI(file)
		if err != nil {
			return archive.Kubernetes{}, err
		}
		if err := collectKinds(doc, kinds); err != nil {
			return archive.Kubernetes{}, fmt.Errorf("read %s: %w", file, err)
		}
		for name, definition := range doc.Components.Schemas {
			all[name] = definition
		}
	}
	out := archive.Kubernetes{Version: strings.TrimPrefix(version, "v"), Definitions: map[string]json.RawMessage{}}
	bindDefinitions(all, kinds)
	for _, kind := range kinds {
		if kind.Definition == "" {
			continue
		}
		out.Kinds = append(out.Kinds, kind)
		if err := addDefinition(kind.Definition, all, out.Definitions); err != nil {
			return archive.Kubernetes{}, err
		}
	}
	slices.SortFunc(out.Kinds, func(a, b archive.Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

func readOpenAPI(file string) (openAPI, error) {
	var doc openAPI
	data, err := os.ReadFile(file)
	if err != nil {
		return doc, fmt.Errorf("read OpenAPI: %w", err)
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return doc, fmt.Errorf("read %s: %w", file, err)
	}
	return doc, nil
}

// collectKinds finds the kinds that have a path of their own: an object under
// its name, or a collection that is only posted to (reviews).
func collectKinds(doc openAPI, kinds map[groupVersionKind]archive.Kind) error {
	for path, operations := range doc.Paths {
		named := strings.HasSuffix(path, "/{name}")
		if strings.Contains(path, "/watch/") || strings.Contains(path, "{name}") && !named {
			continue
		}
		raw, found := operations["post"]
		if named {
			raw, found = operations["get"]
		}
		if !found {
			continue
		}
		var operation struct {
			GVK groupVersionKind `json:"x-kubernetes-group-version-kind"`
		}
		if err := json.Unmarshal(raw, &operation); err != nil {
			return err
		}
		if operation.GVK.Kind == "" {
			continue
		}
		kind := kinds[operation.GVK]
		kind.Group, kind.Version, kind.Kind = operation.GVK.Group, operation.GVK.Version, operation.GVK.Kind
		kind.Namespaced = kind.Namespaced || strings.Contains(path, "/namespaces/{namespace}/")
		kind.Named = kind.Named || named
		kind.Served = isStable(kind.Version)
		kinds[operation.GVK] = kind
	}
	return nil
}

// isStable reports whether a version is served unless switched off: since
// Kubernetes 1.24 every new beta is off by default, as every alpha is.
func isStable(version string) bool {
	return !strings.Contains(version, "alpha") && !strings.Contains(version, "beta")
}

// bindDefinitions names the definition of each kind.
func bindDefinitions(all map[string]map[string]any, kinds map[groupVersionKind]archive.Kind) {
	for name, definition := range all {
		list, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(list) != 1 {
			continue
		}
		entry, _ := list[0].(map[string]any)
		gvk := groupVersionKind{Group: text(entry["group"]), Version: text(entry["version"]), Kind: text(entry["kind"])}
		if kind, ok := kinds[gvk]; ok {
			kind.Definition = name
			kinds[gvk] = kind
		}
	}
}

// addDefinition adds a definition and all that it refers to.
func addDefinition(name string, all map[string]map[string]any, into map[string]json.RawMessage) error {
	if _, done := into[name]; done {
		return nil
	}
	definition, ok := all[name]
	if !ok {
		return fmt.Errorf("definition %s does not exist", name)
	}
	into[name] = nil
	reduced := reduction{definition: name}
	raw, err := json.Marshal(reduced.schema(definition))
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	into[name] = raw
	for _, reference := range reduced.references {
		if err := addDefinition(reference, all, into); err != nil {
			return err
		}
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
