package helmrelease

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kindError is a part of an object that is no map, though it must be one.
type kindError struct {
	kind yaml.Kind
	text string
	item bool // of a list, where Helm notices it later
}

// kindNames are how kustomize calls the kinds of YAML nodes.
var kindNames = map[yaml.Kind]string{
	yaml.DocumentNode: "DocumentNode", yaml.SequenceNode: "SequenceNode", yaml.MappingNode: "MappingNode",
	yaml.ScalarNode: "ScalarNode", yaml.AliasNode: "AliasNode",
}

// Error words it as kustomize does.
func (e *kindError) Error() string {
	return fmt.Sprintf("wrong node kind: expected MappingNode but got %s: node contents:\n%s", kindNames[e.kind], e.text)
}

func wrongKind(n *yaml.Node) error {
	text, err := printed(n)
	if err != nil {
		text = n.Value + "\n"
	}
	return &kindError{kind: n.Kind, text: text}
}

// objectsOf reads one document of a template as kustomize does, and writes the
// path onto its objects. Whatever stands after the end of the document is left
// out, and the items of a list stand for themselves.
func objectsOf(text, name string) ([]*yaml.Node, error) {
	doc := &yaml.Node{}
	err := yaml.NewDecoder(strings.NewReader(strings.ReplaceAll(text, "\r\n", "\n"))).Decode(doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("MalformedYAMLError: %w", err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	n := doc.Content[0]
	found, inList := []*yaml.Node{n}, false
	if items := value(n, "items"); isList(n) && (items != nil || value(n, "functionConfig") != nil) {
		found, inList = nil, true
		if items != nil {
			found = slices.DeleteFunc(items.Content, func(o *yaml.Node) bool { return o.Tag == "!!null" })
		}
	}
	for _, o := range found {
		if err := annotate(o, name); err != nil {
			var kind *kindError
			if errors.As(err, &kind) {
				kind.item = inList
			}
			return nil, err
		}
	}
	return found, nil
}

// isList reports whether kustomize takes a list of this kind apart as it reads it.
func isList(n *yaml.Node) bool {
	kind := value(n, "kind")
	return kind != nil && (kind.Value == "List" || kind.Value == "ResourceList")
}

// annotate writes the path onto the object.
func annotate(n *yaml.Node, name string) error {
	if n.Kind != yaml.MappingNode {
		return wrongKind(n)
	}
	metadata, err := child(n, "metadata")
	if err != nil {
		return err
	}
	annotations, err := child(metadata, "annotations")
	if err != nil {
		return err
	}
	annotations.Content = append(annotations.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: pathAnnotation},
		&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name})
	return nil
}

// child returns the map below a key, a new one when there is none.
func child(n *yaml.Node, key string) (*yaml.Node, error) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		v := n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			c := *v.Alias
			c.Anchor, c.Content = "", slices.Clone(c.Content)
			v = &c
			n.Content[i+1] = v
		}
		if v.Tag == "!!null" {
			*v = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		if v.Kind != yaml.MappingNode {
			return nil, wrongKind(v)
		}
		return v, nil
	}
	v := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, v)
	return v, nil
}
