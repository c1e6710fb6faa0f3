package repo

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Position returns the place where the document begins.
func (d *Document) Position() finding.Position {
	n := d.Root
	if n == nil {
		n = d.start
	}
	if n == nil {
		return d.File.Position(0, 0)
	}
	return d.at(n, finding.PrecisionDocument)
}

// At returns the place of the value that a JSON pointer names, or of its
// nearest existing parent. Aliases and merge keys are followed to where the
// value is written. EndLine and EndCol, when set, are just after the value.
func (d *Document) At(pointer string) finding.Position {
	if d.Root == nil || pointer == "" {
		return d.Position()
	}
	key, value, found := d.find(pointer)
	if !found {
		if key == nil {
			key = value
		}
		return d.at(key, finding.PrecisionParent)
	}
	return d.at(value, finding.PrecisionExact)
}

// KeyAt returns the place of the key of the mapping entry that a JSON pointer
// names, or that of At for whatever is no mapping entry.
func (d *Document) KeyAt(pointer string) finding.Position {
	if d.Root == nil || pointer == "" {
		return d.Position()
	}
	key, _, found := d.find(pointer)
	if !found || key == nil {
		return d.At(pointer)
	}
	return d.at(key, finding.PrecisionExact)
}

// Node returns the node that a JSON pointer names, with aliases resolved, or
// nil. It must not be modified.
func (d *Document) Node(pointer string) *yaml.Node {
	if d.Root == nil {
		return nil
	}
	_, value, found := d.find(pointer)
	if !found {
		return nil
	}
	return resolve(value)
}

// Text returns the scalar that a JSON pointer names, "" for anything else.
func (d *Document) Text(pointer string) string {
	if n := d.Node(pointer); n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value
	}
	return ""
}

// Ref returns the object that the document declares, with the namespace as
// written, and whether it declares one: apiVersion, kind and metadata.name.
func (d *Document) Ref() (finding.Ref, bool) {
	version := d.Text("/apiVersion")
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	ref := finding.Ref{
		Group: group, Kind: d.Text("/kind"),
		Namespace: d.Text("/metadata/namespace"), Name: d.Text("/metadata/name"),
	}
	return ref, version != "" && ref.Kind != "" && ref.Name != ""
}

// find walks to the node that the pointer names, or as far as it gets. The key
// is that of the last mapping entry on the way when that is where the walk ends.
func (d *Document) find(pointer string) (key, value *yaml.Node, found bool) {
	value = d.Root
	for _, token := range finding.Tokens(pointer) {
		k, v := child(resolve(value), token)
		if v == nil {
			return key, value, false
		}
		key, value = k, v
	}
	return key, value, true
}

func child(n *yaml.Node, token string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		return entry(n, token, nil)
	case yaml.SequenceNode:
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return nil, n.Content[i]
	}
	return nil, nil
}

// entry looks a key up in a mapping: the last of equal keys, else what merge
// keys bring, the first of them winning.
func entry(n *yaml.Node, token string, seen map[*yaml.Node]bool) (key, value *yaml.Node) {
	var merges []*yaml.Node
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		k := n.Content[i]
		if isMerge(k) {
			merges = append(merges, n.Content[i+1])
		} else if name, ok := keyText(k); ok && name == token {
			return k, n.Content[i+1]
		}
	}
	if len(merges) == 0 {
		return nil, nil
	}
	if seen == nil {
		seen = map[*yaml.Node]bool{}
	}
	// A mapping that was searched once holds no such key the second time either.
	seen[n] = true
	for _, m := range merges {
		for _, source := range mergeSources(m) {
			if seen[source] {
				continue
			}
			seen[source] = true
			if k, v := entry(source, token, seen); v != nil {
				return k, v
			}
		}
	}
	return nil, nil
}

func isMerge(k *yaml.Node) bool { return k.Kind == yaml.ScalarNode && k.Tag == "!!merge" }

// mergeSources returns the mappings that the value of a merge key names.
func mergeSources(n *yaml.Node) []*yaml.Node {
	n = resolve(n)
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	var sources []*yaml.Node
	for _, s := range list {
		if s = resolve(s); s.Kind == yaml.MappingNode {
			sources = append(sources, s)
		}
	}
	return sources
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func (d *Document) at(n *yaml.Node, precision finding.Precision) finding.Position {
	pos := d.File.Position(n.Line, n.Column)
	if pos.Line == 0 {
		return pos
	}
	pos.Precision = precision
	if precision == finding.PrecisionExact {
		if end := d.File.parsed.text.scalarEnd(n); end > 0 {
			pos.EndLine, pos.EndCol = pos.Line, end
		}
	}
	return pos
}

// scalarEnd returns the column after a scalar that stands on one line, else 0.
func (t text) scalarEnd(n *yaml.Node) int {
	if n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(t.starts) {
		return 0
	}
	line := []rune(string(t.line(n.Line)))
	if n.Column > len(line) {
		return 0
	}
	rest := line[n.Column-1:]
	switch n.Style &^ yaml.TaggedStyle {
	case 0:
		if n.Value != "" && strings.HasPrefix(string(rest), n.Value) {
			return n.Column + len([]rune(n.Value))
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		if i := closingQuote(rest); i > 0 {
			return n.Column + i + 1
		}
	}
	return 0
}

// closingQuote returns the index of the quote that closes the one at index 0.
func closingQuote(text []rune) int {
	if text[0] != '"' && text[0] != '\'' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[0] == '"' && text[i] == '\\':
			i++
		case text[0] == '\'' && text[i] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == text[0]:
			return i
		}
	}
	return 0
}
