package kustomization

import (
	"path"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// story is the Origin of one built object while it is put together, with the
// texts that its content is from.
type story struct {
	render.Origin
	texts []text
}

// text is content that a user wrote and that ends up in an object: a YAML node,
// or a whole file that a generator packs.
type text struct {
	file *repo.File
	node *yaml.Node // nil for a whole file
	doc  *repo.Document
}

// At is the place of a field of the object.
func (s *story) At(pointer string) finding.Position {
	o := render.Object{Origin: s.Origin}
	return o.At(pointer)
}

// scalars calls f for every scalar of the text until f returns false.
func (t text) scalars(f func(pointer string, n *yaml.Node) bool) {
	if t.node != nil {
		scalars(t.node, "", f, 0)
	}
}

func scalars(n *yaml.Node, pointer string, f func(string, *yaml.Node) bool, depth int) bool {
	if depth > 100 {
		return true
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return f(pointer, n)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !f(pointer, n.Content[i]) {
				return false
			}
			if !scalars(n.Content[i+1], pointer+finding.Pointer(n.Content[i].Value), f, depth+1) {
				return false
			}
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if !scalars(c, pointer+"/"+itoa(i), f, depth+1) {
				return false
			}
		}
	}
	return true
}

// uses lists the places in the texts of the object that use a variable.
func (s *story) uses(name string) []finding.Position {
	use := regexp.MustCompile(`\$\{#?` + regexp.QuoteMeta(name) + `[^A-Za-z0-9_]`)
	var out []finding.Position
	for _, t := range s.texts {
		if t.node == nil {
			out = append(out, usesInFile(t.file, use)...)
			continue
		}
		t.scalars(func(_ string, n *yaml.Node) bool {
			for _, at := range use.FindAllStringIndex(n.Value, -1) {
				if at[0] == 0 || n.Value[at[0]-1] != '$' {
					out = append(out, inScalar(t.file, n, at[0]))
				}
			}
			return true
		})
	}
	return out
}

func usesInFile(f *repo.File, use *regexp.Regexp) []finding.Position {
	data, err := f.Data()
	if err != nil {
		return nil
	}
	var out []finding.Position
	for i, line := range strings.Split(string(data), "\n") {
		for _, at := range use.FindAllStringIndex(line+"\n", -1) {
			out = append(out, f.Position(i+1, len([]rune(line[:at[0]]))+1))
		}
	}
	return out
}

// unparsable is the place of the first text that substitution cannot parse.
func (s *story) unparsable() finding.Position {
	pos := finding.Position{}
	for _, t := range s.texts {
		t.scalars(func(_ string, n *yaml.Node) bool {
			if !strings.Contains(n.Value, "${") || kustomize.Parses(n.Value) {
				return true
			}
			pos = inScalar(t.file, n, strings.Index(n.Value, "${"))
			return false
		})
		if !pos.IsZero() {
			return pos
		}
	}
	return s.At("")
}

// inScalar is the place of a byte of a scalar's value.
func inScalar(f *repo.File, n *yaml.Node, offset int) finding.Position {
	before := n.Value[:offset]
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		line := strings.Count(before, "\n") + 1
		col := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		return inBlock(f, n, line, col)
	case n.Style&yaml.FoldedStyle != 0 || strings.Contains(before, "\n"):
		return f.Position(n.Line, n.Column)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return f.Position(n.Line, n.Column+1+len([]rune(before)))
	}
	return f.Position(n.Line, n.Column+len([]rune(before)))
}

// inBlock is the place of a line and column of a literal block's value.
func inBlock(f *repo.File, n *yaml.Node, line, col int) finding.Position {
	if n.Style&yaml.LiteralStyle == 0 {
		return f.Position(n.Line, n.Column)
	}
	return f.Position(n.Line+line, blockIndent(f, n)+col)
}

// blockIndent is the number of spaces that a literal block stands in.
func blockIndent(f *repo.File, n *yaml.Node) int {
	data, err := f.Data()
	if err != nil {
		return 0
	}
	lines := strings.SplitAfterN(string(data), "\n", n.Line+200)
	for i, inner := range strings.Split(n.Value, "\n") {
		if strings.TrimSpace(inner) == "" {
			continue
		}
		if n.Line+i >= len(lines) {
			return 0
		}
		return max(0, indent(lines[n.Line+i])-indent(inner))
	}
	return 0
}

func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// duplicateKey is the place of the second of two equal keys in a mapping of the
// files that the build reads.
func (j *job) duplicateKey(key string) finding.Position {
	for _, name := range j.reached() {
		f := j.files[name].Origin
		if f == nil {
			continue
		}
		for _, p := range f.Problems() {
			if strings.Contains(p.Message, key) && p.Pos.Line > 0 {
				return p.Pos
			}
		}
		for _, d := range f.Documents() {
			if n := secondKey(d.Root, key); n != nil {
				return f.Position(n.Line, n.Column)
			}
		}
	}
	return finding.Position{}
}

// reached are the files below the folder, then all others.
func (j *job) reached() []string {
	dir := path.Clean("." + path.Clean("/"+j.spec.Text("path")))
	var in, out []string
	for _, f := range j.artifact.Files {
		if dir == "." || strings.HasPrefix(f.Path, dir+"/") {
			in = append(in, f.Path)
		} else {
			out = append(out, f.Path)
		}
	}
	return append(in, out...)
}

func secondKey(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	seen := false
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == key {
			if seen {
				return c
			}
			seen = true
		}
		if found := secondKey(c, key); found != nil {
			return found
		}
	}
	return nil
}
