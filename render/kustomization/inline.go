package kustomization

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// inline reads a patch that stands in a string. Its places are lines of the
// file where the string is a literal block, else that of the string.
func (w *walk) inline(l *layer, pointer, content string) []patchText {
	around := l.At(pointer)
	at := func(finding.Position) finding.Position { return around }
	var texts []text
	file := w.displayed(around.File)
	if doc, p := l.node(pointer); doc != nil {
		if doc.File.Position(0, 0).File == around.File {
			file = doc.File
		}
		if n := doc.Node(p); n != nil && strings.TrimSpace(n.Value) == strings.TrimSpace(content) {
			texts, content = []text{{file: doc.File, node: n, doc: doc}}, n.Value
		}
	}
	if b := blockAt(file, around, content); b != nil {
		at = b.at
	}
	var out []patchText
	for _, d := range repo.FromFiles(map[string]string{"patch.yaml": content}).File("patch.yaml").Documents() {
		if d.Root == nil {
			continue
		}
		value, err := repo.Value(d.Root)
		if err != nil {
			continue
		}
		out = append(out, patchText{value: value, texts: texts, at: func(pointer string) finding.Position { return at(d.At(pointer)) }})
	}
	return out
}

// block is a text that stands in a file as a literal block.
type block struct {
	file   *repo.File
	line   int // that the text follows
	indent int
}

// at is the place in the file of a place in the text.
func (b block) at(in finding.Position) finding.Position {
	out := b.file.Position(b.line+in.Line, b.indent+in.Col)
	out.Precision = in.Precision
	if in.EndCol > 0 {
		out.EndLine, out.EndCol = out.Line, b.indent+in.EndCol
	}
	return out
}

// blockAt finds the literal block of a text at a place, nil when the text there
// is written in another way or is another one.
func blockAt(file *repo.File, pos finding.Position, content string) *block {
	if file == nil || pos.Line == 0 {
		return nil
	}
	data, err := file.Data()
	if err != nil {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	if pos.Line > len(lines) || pos.Col < 1 || pos.Col > len(lines[pos.Line-1]) || lines[pos.Line-1][pos.Col-1] != '|' {
		return nil
	}
	b := &block{file: file, line: pos.Line, indent: -1}
	for i, inner := range strings.Split(content, "\n") {
		if strings.TrimSpace(inner) == "" {
			continue
		}
		if pos.Line+i >= len(lines) {
			return nil
		}
		outer := lines[pos.Line+i]
		if b.indent < 0 {
			b.indent = indent(outer) - indent(inner)
		}
		// What follows a variable may have been replaced.
		start, _, _ := strings.Cut(outer, "${")
		if b.indent < 0 || len(start) < b.indent || !strings.HasPrefix(inner, strings.TrimRight(start[b.indent:], " \r")) {
			return nil
		}
	}
	return b
}

// displayed finds the file that positions call by a name.
func (w *walk) displayed(name string) *repo.File {
	if w.names == nil {
		w.names = map[string]*repo.File{}
		for _, f := range w.files {
			if f.Origin != nil {
				w.names[f.Origin.Position(0, 0).File] = f.Origin
			}
		}
	}
	return w.names[name]
}
