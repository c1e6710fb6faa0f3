package repo

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// maxAliased is how many values the aliases of a document may stand for.
const maxAliased = 400_000

// checker finds mistakes that the YAML library accepts in nodes: keys that
// occur twice, and anchors that contain themselves or multiply without bound.
type checker struct {
	parser  *parser
	sizes   map[*yaml.Node]int // values that an anchored node stands for; -1 while open
	aliased int
	stopped bool
}

// node returns how many values n stands for.
func (c *checker) node(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return c.alias(n)
	}
	if n.Anchor != "" {
		c.sizes[n] = -1
	}
	if n.Kind == yaml.MappingNode {
		c.keys(n)
	}
	size := 1
	for _, child := range n.Content {
		size = min(size+c.node(child), maxAliased+1)
	}
	if n.Anchor != "" {
		c.sizes[n] = size
	}
	return size
}

func (c *checker) alias(n *yaml.Node) int {
	size := c.sizes[n.Alias]
	c.aliased += max(size, 0)
	if c.stopped || (size >= 0 && c.aliased <= maxAliased) {
		return max(size, 1)
	}
	c.stopped = true
	message := fmt.Sprintf("the aliases of the document stand for more than %d values", maxAliased)
	if size < 0 {
		message = fmt.Sprintf("the anchor %q contains itself", n.Value)
	}
	c.parser.syntax(n.Line, n.Column, message, "write the value out instead of the alias")
	return 1
}

func (c *checker) keys(n *yaml.Node) {
	if len(n.Content) < 4 {
		return
	}
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		first := seen[key.Value]
		if first == nil {
			seen[key.Value] = key
			continue
		}
		c.parser.problems = append(c.parser.problems, finding.Problem{
			Reason:  "yaml-duplicate-key",
			Pos:     c.parser.position(key.Line, key.Column),
			Message: fmt.Sprintf("the key %q occurs twice in the same mapping", key.Value),
			Hint:    "remove one of the two, or merge their values",
			Related: []finding.Related{{
				Pos:     c.parser.position(first.Line, first.Column),
				Message: fmt.Sprintf("%q is set here first", key.Value),
			}},
		})
	}
}
