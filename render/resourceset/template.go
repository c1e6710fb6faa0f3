package resourceset

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"k8s.io/apimachinery/pkg/runtime"
)

// The delimiters of the templates.
const (
	leftDelimiter  = "<<"
	rightDelimiter = ">>"
)

// What the templates of one ResourceSet may do at most, in parts of templates
// and in bytes. No ResourceSet comes near it, and a template cannot keep the
// machine busy for ever.
const (
	maxSteps  = 1 << 20
	maxOutput = 32 << 20
)

// spent is what the templates of a ResourceSet have done so far.
type spent struct{ steps, bytes int }

// blueprint is a parsed template that knows where each part of its output is from.
type blueprint struct {
	text string
	tmpl *template.Template
}

// parsed reads a template. The error is that of the library.
func parsed(text string) (*blueprint, error) {
	t := template.New("resourceset").Delims(leftDelimiter, rightDelimiter).Option("missingkey=error")
	t.Funcs(functions(nil))
	if _, err := t.Parse(text); err != nil {
		return nil, err
	}
	// Only after parsing, so that no template can call these.
	t.Funcs(template.FuncMap{markName: func(int) (string, error) { return "", nil }, printName: func(v any) (any, error) { return v, nil }})
	for _, one := range t.Templates() {
		if one.Tree != nil && one.Root != nil {
			instrument(one.Root)
		}
	}
	return &blueprint{text, t}, nil
}

// piece is a part of the output that begins at out and comes from the offset
// in of the template. Literal text runs in step with it.
type piece struct {
	out, in int
	literal bool
}

// rendering is the output of a template for one input.
type rendering struct {
	bytes.Buffer
	pieces []piece
	spent  *spent
	starts []int // of the lines of the output, set when first asked for
}

// execute renders the template for one input.
func (b *blueprint) execute(input map[string]any, so *spent) (*rendering, error) {
	out := &rendering{spent: so}
	t, err := b.tmpl.Clone()
	if err != nil {
		return nil, err
	}
	t.Funcs(functions(runtime.DeepCopyJSON(input))).Funcs(template.FuncMap{markName: out.mark, printName: printed})
	if err := t.Execute(out, nil); err != nil {
		return nil, err
	}
	return out, nil
}

// errTooMuch ends a template that does not come to an end.
var errTooMuch = errors.New("the template yields more than any set of objects needs")

// Write implements io.Writer within bounds.
func (r *rendering) Write(p []byte) (int, error) {
	if r.spent.bytes += len(p); r.spent.bytes > maxOutput {
		return 0, errTooMuch
	}
	return r.Buffer.Write(p)
}

// mark notes where the output is when the template gets to an offset: that of
// literal text, or the complement of that of an action.
func (r *rendering) mark(at int) (string, error) {
	if r.spent.steps++; r.spent.steps > maxSteps {
		return "", errTooMuch
	}
	p := piece{out: r.Len(), in: at, literal: at >= 0}
	if !p.literal {
		p.in = ^at
	}
	if n := len(r.pieces); n > 0 && r.pieces[n-1].out == p.out {
		r.pieces[n-1] = p
		return "", nil
	}
	r.pieces = append(r.pieces, p)
	return "", nil
}

const (
	markName  = "mark"
	printName = "print_within_bounds"
)

// instrument puts a mark before every part of a list that yields output, and
// one into each empty list, so that every turn of a loop counts.
func instrument(list *parse.ListNode) {
	if list == nil {
		return
	}
	var nodes []parse.Node
	for _, n := range list.Nodes {
		at := int(n.Position())
		switch n := n.(type) {
		case *parse.TextNode:
			nodes = append(nodes, call(at))
		case *parse.ActionNode:
			nodes = append(nodes, call(^at))
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{parse.NewIdentifier(printName).SetPos(n.Pos)}})
			}
		case *parse.IfNode:
			branches(&n.BranchNode)
		case *parse.RangeNode:
			branches(&n.BranchNode)
		case *parse.WithNode:
			branches(&n.BranchNode)
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		nodes = append(nodes, call(^int(list.Pos)))
	}
	list.Nodes = nodes
}

func branches(b *parse.BranchNode) {
	instrument(b.List)
	instrument(b.ElseList)
}

// call is an action that marks an offset and yields nothing.
func call(at int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{{
		NodeType: parse.NodeCommand,
		Args: []parse.Node{
			parse.NewIdentifier(markName),
			&parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(at), Text: strconv.Itoa(at)},
		},
	}}}}
}

// origin returns the offset in the template of an offset in the output.
func (r *rendering) origin(b *blueprint, out int) int {
	at := piece{literal: true}
	for lo, hi := 0, len(r.pieces); lo < hi; {
		mid := (lo + hi) / 2
		if r.pieces[mid].out <= out {
			at, lo = r.pieces[mid], mid+1
		} else {
			hi = mid
		}
	}
	if at.literal {
		return min(at.in+out-at.out, len(b.text))
	}
	// The position of an action is that of its first word.
	if i := strings.LastIndex(b.text[:min(at.in, len(b.text))], leftDelimiter); i >= 0 {
		return i
	}
	return at.in
}

// place returns line and column, from 1, of an offset of the template.
func place(text string, offset int) (line, col int) {
	before := text[:min(max(offset, 0), len(text))]
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}

// complaint is the text of an error of the template library taken apart.
var complaint = regexp.MustCompile(`^template: [^:]*:(\d+)(?::(\d+))?: (?s:(.*))$`)

// executing is how the library says which part it was about to execute.
var executing = regexp.MustCompile(`^executing "[^"]*" at (<.*?>): (?s:(.*))$`)

// started is how the library says where an action begins that does not end.
var started = regexp.MustCompile(`^(unclosed action) started at [^:]*:(\d+)$`)

// explain takes an error of the library apart: the place in the template, from
// 1, and what is wrong.
func explain(err error) (line, col int, message string) {
	m := complaint.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	if m[2] != "" {
		col, _ = strconv.Atoi(m[2])
		col++ // the library counts columns from 0
	}
	message = m[3]
	if b := started.FindStringSubmatch(message); b != nil {
		message = b[1]
		line, _ = strconv.Atoi(b[2])
		return line, 0, message
	}
	if e := executing.FindStringSubmatch(message); e != nil {
		message = fmt.Sprintf("%s: %s", strings.Trim(e[1], "<>"), e[2])
	}
	return line, col, message
}
