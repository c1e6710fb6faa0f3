package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// parser turns the bytes of one file into documents and problems.
type parser struct {
	file     *File
	text     text
	docs     []*Document
	problems []finding.Problem
	budget   int // bytes left to parse again for the places of mistakes
}

// chunk is the text of one document with its marker and directives.
type chunk struct {
	start, end int  // offsets
	marked     bool // begins with a document marker: a document even when empty
}

func (p *parser) run(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	p.text = newText(data)
	p.file.parsed.text = p.text
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		p.syntax(1, 1, "the file is encoded in UTF-16", "save the file in UTF-8")
		return
	}
	// Each document is parsed alone, as kustomize does: a broken one does not
	// hide the others and an anchor is not seen from the next.
	all := []chunk{{end: len(data)}}
	if !p.file.isJSON() {
		all = chunks(data)
	}
	for _, c := range all {
		p.chunk(c)
	}
}

// chunks splits at the document markers. A marker at the start of a line is one
// wherever it stands: YAML allows it neither in block nor in quoted scalars.
func chunks(data []byte) []chunk {
	var all []chunk
	current := chunk{}
	for pos := 0; pos < len(data); {
		next := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		if pos > 0 && isMarker(data[pos:next]) && !onlyDirectives(data[current.start:pos]) {
			current.end = pos
			all = append(all, current)
			current = chunk{start: pos}
		}
		current.marked = current.marked || isMarker(data[pos:next])
		pos = next
	}
	current.end = len(data)
	return append(all, current)
}

func isMarker(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) {
		return false
	}
	return len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0
}

// onlyDirectives reports whether text has directives, which belong to the
// document that follows, or nothing but comments and blank lines.
func onlyDirectives(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

func (p *parser) chunk(c chunk) {
	nodes, err := decode(p.text.data[c.start:c.end])
	offset := p.text.yamlLine(c.start)
	for _, node := range nodes {
		p.document(node, offset)
	}
	if err == nil {
		if len(nodes) == 0 && c.marked {
			p.document(&yaml.Node{Line: 1, Column: 1}, offset)
		}
		return
	}
	if p.file.isJSON() && json.Valid(p.text.data) {
		return // YAML lacks some of JSON's escapes
	}
	p.broken(c, err)
}

// decode returns the documents before the first mistake, and the mistake.
func decode(data []byte) (nodes []*yaml.Node, err error) {
	defer func() {
		// The YAML library panics where it finds its own state inconsistent.
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		node := new(yaml.Node)
		if err := dec.Decode(node); err != nil {
			if errors.Is(err, io.EOF) {
				return nodes, nil
			}
			return nodes, err
		}
		nodes = append(nodes, node)
	}
}

func (p *parser) document(node *yaml.Node, lines int) {
	doc := &Document{File: p.file, Index: len(p.docs), start: node}
	if len(node.Content) == 1 && !isEmpty(node.Content[0]) {
		doc.Root = node.Content[0]
	}
	p.shift(node, lines)
	if doc.Root != nil {
		check := checker{parser: p, sizes: map[*yaml.Node]int{}}
		check.node(doc.Root)
	}
	p.docs = append(p.docs, doc)
}

func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Tag == "!!null" && n.Anchor == ""
}

// shift moves nodes from the lines of their document to the lines of the file.
func (p *parser) shift(n *yaml.Node, lines int) {
	n.Line, n.Column = p.text.translate(n.Line+lines, n.Column)
	for _, child := range n.Content {
		p.shift(child, lines)
	}
}

func (p *parser) syntax(line, col int, message, hint string) {
	p.problems = append(p.problems, finding.Problem{
		Reason: "yaml-syntax", Pos: p.position(line, col), Message: message, Hint: hint,
	})
}

func (p *parser) position(line, col int) finding.Position {
	if p.file.virtual {
		return finding.Position{File: p.file.display, Precision: finding.PrecisionFile}
	}
	return finding.Position{File: p.file.display, Line: line, Col: col, Precision: finding.PrecisionExact}
}

var errorLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// broken reports the mistake in a chunk at its exact place.
func (p *parser) broken(c chunk, err error) {
	parts := errorLine.FindStringSubmatch(err.Error())
	message := strings.TrimPrefix(err.Error(), parts[0])
	hint, _ := strconv.Atoi(parts[1]) // absent for the first line
	line, col := p.text.place(c.start + mistake(p.text.data[c.start:c.end], hint, &p.budget))
	if p.file.isJSON() {
		var syntax *json.SyntaxError
		if errors.As(json.Unmarshal(p.text.data, new(any)), &syntax) {
			line, col = p.text.place(int(syntax.Offset) - 1)
			message = syntax.Error()
		}
	}
	advice := "correct the indentation, quotes or brackets of this line"
	text := string(p.text.line(line))
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		col = 1 + strings.IndexByte(indent, '\t')
		advice = "indent with spaces: YAML allows no tabs there"
	case strings.HasPrefix(message, "unknown anchor"):
		advice = "define the anchor earlier in the same document"
		if i := strings.Index(text, "*"); i >= 0 {
			col = 1 + utf8.RuneCountInString(text[:i])
		}
	}
	p.syntax(line, col, "the YAML is broken: "+message, advice)
}
