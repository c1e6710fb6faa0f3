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
// the items of a List, of Lists in it, and those of a plain sequence. The error is
// the first mistake with its place in front.
func (f *File) Objects() ([]Seed, error) {
	if problems := f.Problems(); len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", problems[0].Pos, problems[0].Message)
	}
	var out []Seed
	for _, d := range f.Documents() {
		list, err := d.items(map[*yaml.Node]bool{})
		if err != nil {
			return nil, err
		}
		for _, item := range list {
			m, err := item.Map()
			if err != nil {
				return nil, fmt.Errorf("%w: every document is to be an object as kubectl get -o yaml prints it, or a List of them", err)
			}
			for _, field := range []string{"apiVersion", "kind", "metadata.name"} {
				if pointer := "/" + strings.ReplaceAll(field, ".", "/"); item.Text(pointer) == "" {
					return nil, fmt.Errorf("%s: an object has no %s: write the objects as kubectl get -o yaml prints them", item.At(pointer), field)
				}
			}
			out = append(out, Seed{Doc: item, Object: m, Pos: item.Position()})
		}
	}
	return out, nil
}

// items returns a document for each object that d lists, d itself when it is
// one object. Aliases may not bring a List in a second time.
func (d *Document) items(seen map[*yaml.Node]bool) ([]*Document, error) {
	if d.Root == nil {
		return nil, nil
	}
	list := d.listed()
	if list == nil {
		return []*Document{d}, nil
	}
	if seen[list] {
		return nil, fmt.Errorf("%s: a List is there twice, by an alias: write its objects once", d.Position())
	}
	seen[list] = true
	var out []*Document
	for _, n := range list.Content {
		item := &Document{File: d.File, Index: d.Index, Root: resolve(n), start: n}
		if item.Root == nil || item.Root.Kind == yaml.SequenceNode {
			out = append(out, item)
			continue
		}
		more, err := item.items(seen)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// listed is the sequence of objects that d consists of, nil when d is one object.
func (d *Document) listed() *yaml.Node {
	if d.Root.Kind == yaml.SequenceNode {
		return d.Root
	}
	items := d.Node("/items")
	empty := items == nil || items.Tag == "!!null"
	switch {
	case d.Root.Kind != yaml.MappingNode || d.Text("/metadata/name") != "":
		return nil
	case empty && strings.HasSuffix(d.Text("/kind"), "List"):
		return &yaml.Node{Kind: yaml.SequenceNode}
	case items == nil || items.Kind != yaml.SequenceNode:
		return nil
	}
	return items
}
