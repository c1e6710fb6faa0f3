package kustomize

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// maxExpanded is how many values the aliases of one file may stand for.
// kustomize writes every alias out, so that a few lines can fill the memory.
const maxExpanded = 500_000

// Limits of one mapping: kustomize compares every key with all others, which
// takes hours for a file of some megabytes.
const (
	maxKeys   = 20_000
	wideBytes = 4 * maxKeys // the least that a file with so many keys has
)

// checkAliases returns an error when the aliases of a YAML stream stand for
// more than maxExpanded values, or a mapping has more than maxKeys keys. Text
// that is no YAML passes: others report it.
func checkAliases(data []byte) error { return checkNested(data, nestedTexts) }

// nestedTexts is how deep YAML stands in texts of YAML: a patch in a
// kustomization file, and one more for a patch that writes such a file.
const nestedTexts = 2

func checkNested(data []byte, depth int) error {
	aliased := bytes.Contains(data, []byte("*")) && bytes.Contains(data, []byte("&"))
	if !aliased && len(data) < wideBytes {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		if err := dec.Decode(&node); err != nil {
			return nil
		}
		e := expansion{sizes: map[*yaml.Node]int{}}
		if e.size(&node) > maxExpanded {
			return fmt.Errorf("the aliases of the file stand for more than %d values", maxExpanded)
		}
		if e.widest > maxKeys {
			return fmt.Errorf("a mapping of the file has more than %d keys", maxKeys)
		}
		for _, text := range e.texts {
			if depth == 0 {
				break
			}
			if err := checkNested([]byte(text), depth-1); err != nil {
				return err
			}
		}
	}
}

// expansion counts the values of a document with every alias written out.
type expansion struct {
	sizes map[*yaml.Node]int // of anchored nodes; -1 while being counted
	texts []string           // scalars that may hold YAML themselves: inline patches
	// widest is how many keys the mapping with the most of them has.
	widest int
}

func (e *expansion) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return e.anchored(n.Alias)
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "*") && strings.Contains(n.Value, "&") {
		e.texts = append(e.texts, n.Value)
	}
	if n.Kind == yaml.MappingNode {
		e.widest = max(e.widest, len(n.Content)/2)
	}
	total := 1
	for _, c := range n.Content {
		total = min(total+e.size(c), maxExpanded+1)
	}
	return total
}

func (e *expansion) anchored(n *yaml.Node) int {
	known, ok := e.sizes[n]
	switch {
	case known < 0: // contains itself
		return maxExpanded + 1
	case ok:
		return known
	}
	e.sizes[n] = -1
	e.sizes[n] = e.size(n)
	return e.sizes[n]
}

// check refuses aliases without end in what the generator reads: the Flux
// Kustomization with its patches and, where it looks for manifests, the folder.
func (p *Plan) check(dir string) error {
	patches, _, _ := unstructured.NestedSlice(p.in.Object.Object, "spec", "patches")
	for _, item := range patches {
		m, _ := item.(map[string]any)
		text, _ := m["patch"].(string)
		if err := checkAliases([]byte(text)); err != nil {
			return err
		}
	}
	return p.checkFolder(dir)
}

// checkFolder checks every file below dir that the controller would take for a
// manifest when it generates a kustomization file.
func (p *Plan) checkFolder(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		ext := filepath.Ext(name)
		if err != nil || !d.Type().IsRegular() || ext != ".yaml" && ext != ".yml" {
			return nil // what cannot be read fails in the build
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		if err := checkAliases(data); err != nil {
			return fmt.Errorf("failed to decode Kubernetes YAML from %s: %w", name, err)
		}
		return nil
	})
}
