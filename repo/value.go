package repo

import (
	"fmt"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Map returns the document as Kubernetes reads it: int64, float64, string, bool,
// nil, map[string]any and []any. An empty document gives nil. Every call
// returns a fresh map. "yes", "no", "on" and "off" are strings, as in kustomize.
func (d *Document) Map() (map[string]any, error) {
	if d.Root == nil {
		return nil, nil
	}
	v, err := Value(d.Root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Position(), err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the document is no mapping", d.Position())
	}
	return m, nil
}

// Value returns a node as Kubernetes reads it, as Map does for a document.
func Value(n *yaml.Node) (any, error) {
	c := converter{open: map[*yaml.Node]bool{}}
	return c.value(n)
}

// converter turns nodes into JSON types and follows aliases within bounds.
type converter struct {
	open    map[*yaml.Node]bool // anchored nodes on the way down
	depth   int                 // of aliases
	aliased int
}

func (c *converter) value(n *yaml.Node) (any, error) {
	if c.depth > 0 {
		if c.aliased++; c.aliased > maxAliased {
			return nil, fmt.Errorf("line %d: the aliases stand for more than %d values", n.Line, maxAliased)
		}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.alias(n)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		return m, c.mapping(n, m)
	case yaml.SequenceNode:
		return c.sequence(n)
	}
	return scalar(n)
}

func (c *converter) alias(n *yaml.Node) (any, error) {
	if n.Alias == nil || c.open[n.Alias] {
		return nil, fmt.Errorf("line %d: the anchor %q contains itself", n.Line, n.Value)
	}
	c.open[n.Alias] = true
	c.depth++
	v, err := c.value(n.Alias)
	c.depth--
	delete(c.open, n.Alias)
	return v, err
}

func (c *converter) sequence(n *yaml.Node) (any, error) {
	list := make([]any, 0, len(n.Content))
	for _, item := range n.Content {
		v, err := c.value(item)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (c *converter) mapping(n *yaml.Node, m map[string]any) error {
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if isMerge(key) {
			merges = append(merges, n.Content[i+1])
			continue
		}
		name, ok := keyText(key)
		if !ok {
			return fmt.Errorf("line %d: a key must be text", key.Line)
		}
		v, err := c.value(n.Content[i+1])
		if err != nil {
			return err
		}
		m[name] = v
	}
	for i := len(merges) - 1; i >= 0; i-- {
		if err := c.merge(merges[i], m); err != nil {
			return err
		}
	}
	return nil
}

// merge adds what a merge key brings and m does not have yet.
func (c *converter) merge(n *yaml.Node, m map[string]any) error {
	list := []*yaml.Node{n}
	if target := resolve(n); target.Kind == yaml.SequenceNode {
		list = target.Content
	}
	for _, item := range list {
		if resolve(item).Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: a merge key needs a mapping or a list of mappings", item.Line)
		}
		v, err := c.value(item)
		if err != nil {
			return err
		}
		for name, value := range v.(map[string]any) {
			if _, set := m[name]; !set {
				m[name] = value
			}
		}
	}
	return nil
}

// keyText returns a mapping key as JSON has it.
func keyText(n *yaml.Node) (string, bool) {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch n.Tag {
	case "!!str", "!!merge":
		return n.Value, true
	case "!!null":
		return "", false
	}
	v, err := scalar(n)
	if err != nil {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

func scalar(n *yaml.Node) (any, error) {
	if n.Tag == "!!str" || n.Tag == "!!timestamp" || n.Tag == "!!merge" {
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("line %d: %q is no valid %s", n.Line, n.Value, n.Tag)
	}
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("line %d: %q has no place in JSON", n.Line, n.Value)
		}
		// JSON writes a whole number without its fraction, so Kubernetes reads an integer.
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		return v, nil
	case int64, string, bool, nil:
		return v, nil
	}
	return n.Value, nil
}
