package main

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"sigs.k8s.io/controller-tools/pkg/crd"
	"sigs.k8s.io/controller-tools/pkg/genall"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/yaml"
)

// fluxModules are the API modules that CRDs are generated from.
var fluxModules = []string{
	"github.com/fluxcd/helm-controller/api",
	"github.com/fluxcd/image-automation-controller/api",
	"github.com/fluxcd/image-reflector-controller/api",
	"github.com/fluxcd/kustomize-controller/api",
	"github.com/fluxcd/notification-controller/api",
	"github.com/fluxcd/source-controller/api",
	"github.com/fluxcd/source-watcher/api/v2",
}

// fluxCRDs generates the CRDs of Flux, without descriptions, sorted by name.
func fluxCRDs() ([]map[string]any, error) {
	var out []map[string]any
	for _, path := range fluxModules {
		crds, err := moduleCRDs(path)
		if err != nil {
			return nil, err
		}
		out = append(out, crds...)
	}
	operator, err := operatorCRDs()
	if err != nil {
		return nil, err
	}
	out = append(out, operator...)
	slices.SortFunc(out, func(a, b map[string]any) int { return cmp.Compare(crdName(a), crdName(b)) })
	return out, nil
}

func moduleCRDs(path string) ([]map[string]any, error) {
	noDescriptions, omit := 0, true
	var generator genall.Generator = crd.Generator{MaxDescLen: &noDescriptions, OmitToolVersion: &omit}
	runtime, err := genall.Generators{&generator}.ForRoots(path + "/...")
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	output := memory{}
	runtime.OutputRules = genall.OutputRules{Default: output}
	runtime.ErrorWriter = io.Discard
	if runtime.Run() {
		return nil, fmt.Errorf("generate the CRDs of %s: the packages have errors", path)
	}
	var out []map[string]any
	for name, content := range output {
		var object map[string]any
		if err := yaml.Unmarshal(content.Bytes(), &object); err != nil {
			return nil, fmt.Errorf("read generated %s: %w", name, err)
		}
		out = append(out, object)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("module %s yields no CRD", path)
	}
	return out, nil
}

//go:embed operator/*.yaml
var operatorFiles embed.FS

// operatorCRDs reads the hand-written CRDs of the group fluxcd.controlplane.io.
func operatorCRDs() ([]map[string]any, error) {
	names, err := fs.Glob(operatorFiles, "operator/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, name := range names {
		data, err := operatorFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var object map[string]any
		if err := yaml.Unmarshal(data, &object); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out = append(out, object)
	}
	return out, nil
}

// memory is an output rule that keeps what is written.
type memory map[string]*file

type file struct{ bytes.Buffer }

// Close ends a file.
func (*file) Close() error { return nil }

// Open starts a file.
func (m memory) Open(_ *loader.Package, path string) (io.WriteCloser, error) {
	m[path] = &file{}
	return m[path], nil
}

func crdName(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return text(metadata["name"])
}
