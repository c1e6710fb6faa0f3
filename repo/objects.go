package repo

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ObjectFile reads a file of Kubernetes objects that is in no tree, whatever its
// name ends with. Positions in it show the name that display gives.
func ObjectFile(name, display string) (*File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := memoryFile(display, data)
	f.display, f.objects = display, true
	return f, nil
}

// Objects returns the Kubernetes objects that a file declares: its documents,
// the items of a List, and those of a plain sequence. The error is the first
// mistake with its place in front.
func (f *File) Objects() ([]Seed, error) {
	if problems := f.Problems(); len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", problems[0].Pos, problems[0].Message)
	}
	var out []Seed
	for _, d := range f.Documents() {
		for _, item := range d.items() {
			m, err := item.Map()
			if err != nil {
				return nil, err
			}
			for _, field := range []string{"apiVersion", "kind", "metadata.name"} {
				if pointer := "/" + strings.ReplaceAll(field, ".", "/"); item.Text(pointer) == "" {
					return nil, fmt.Errorf("%s: an object has no %s", item.At(pointer), field)
				}
			}
			out = append(out, Seed{Doc: item, Object: m, Pos: item.Position()})
		}
	}
	return out, nil
}

// items returns a document for each object that d lists, d itself when it is
// one object.
func (d *Document) items() []*Document {
	list := d.Root
	if list == nil || d.Text("/kind") == "List" && d.Text("/items") == "" && d.Node("/items") == nil {
		return nil
	}
	if list.Kind == yaml.MappingNode {
		if list = d.Node("/items"); list == nil || list.Kind != yaml.SequenceNode || d.Text("/metadata/name") != "" {
			return []*Document{d}
		}
	}
	if list.Kind != yaml.SequenceNode {
		return []*Document{d}
	}
	var out []*Document
	for _, n := range list.Content {
		out = append(out, &Document{File: d.File, Index: d.Index, Root: resolve(n), start: n})
	}
	return out
}
