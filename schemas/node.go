package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

// node is the part of a schema that says which fields an object has.
type node struct {
	Ref        string           `json:"$ref"`
	Type       types            `json:"type"`
	Properties map[string]*node `json:"properties"`
	Additional *additional      `json:"additionalProperties"`
	Items      *node            `json:"items"`
	Open       bool             `json:"x-open"`
	ListKeys   []string         `json:"x-list-keys"`
	Set        bool             `json:"x-set"`
	Default    any              `json:"default"`
}

// types is the JSON Schema keyword "type": one name or several.
type types []string

// UnmarshalJSON reads one name or several.
func (t *types) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = types{one}
		return nil
	}
	var several []string
	if err := json.Unmarshal(data, &several); err != nil {
		return fmt.Errorf("type: %w", err)
	}
	*t = several
	return nil
}

// additional is the keyword "additionalProperties": a schema, true or false.
type additional struct {
	allowed bool
	node    *node
}

// UnmarshalJSON reads a schema, true or false.
func (a *additional) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &a.allowed) == nil {
		return nil
	}
	a.allowed, a.node = true, &node{}
	return json.Unmarshal(data, a.node)
}

// closed reports whether fields that are not listed are unknown.
func (n *node) closed() bool {
	if n.Additional != nil {
		return !n.Additional.allowed && !n.Open
	}
	return len(n.Properties) > 0 && !n.Open
}

func (n *node) nullable() bool { return slices.Contains(n.Type, "null") }

// resolve follows references into the built-in definitions.
func (n *node) resolve(b *builtins) (resolved *node, definition string) {
	for n.Ref != "" {
		definition = strings.TrimPrefix(n.Ref, archive.Prefix)
		n = b.node(definition)
	}
	return n, definition
}
