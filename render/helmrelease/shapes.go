package helmrelease

import (
	"slices"
	"strings"
	"text/template/parse"
)

// command surveys one call, or one value.
func (s *survey) command(c *parse.CommandNode) {
	s.looks(c)
	for i, arg := range c.Args {
		switch a := arg.(type) {
		case *parse.IdentifierNode:
			s.call(a.Ident, c.Args[i+1:])
		case *parse.PipeNode:
			s.pipe(a)
		case *parse.FieldNode:
			s.fields(a.Ident)
		case *parse.VariableNode:
			s.fields(a.Ident[1:])
		case *parse.ChainNode:
			s.fields(a.Field)
			if p, ok := a.Node.(*parse.PipeNode); ok {
				s.pipe(p)
			}
		case *parse.StringNode:
			s.literal(a.Text)
		}
	}
}

// literal surveys a text in a template: it may be run with tpl, or be the key
// of something that Helm 4 presents in another shape.
func (s *survey) literal(text string) {
	if strings.Contains(text, "{{") {
		s.strings = append(s.strings, text)
	}
	if text == capabilities || text == apiVersions {
		s.browses = true
	}
	if text == "Chart" || text == capabilities || text == "Subcharts" {
		s.need("the key " + text)
	}
}

// call surveys a call of a function with the arguments that stand after it.
func (s *survey) call(name string, args []parse.Node) {
	if name == "tpl" {
		s.tpl = true
	}
	switch {
	case s.steady[name]:
		s.need("a call of " + name)
	case !small(name, args):
		s.need("a number in a call of " + name)
	case printers[name] && slices.ContainsFunc(args, isRoot):
		s.need("a call of " + name + " with all that templates see")
		s.browses = true
	}
}

// printers are functions that would print the root of what a template sees,
// which holds .Chart and .Capabilities.
var printers = map[string]bool{
	"toYaml": true, "toYamlPretty": true, "toJson": true, "toPrettyJson": true, "toRawJson": true, "toToml": true,
	"print": true, "printf": true, "println": true, "toString": true, "quote": true, "squote": true, "cat": true,
}

func isRoot(n parse.Node) bool {
	v, ok := n.(*parse.VariableNode)
	return ok && len(v.Ident) == 1 && v.Ident[0] == "$"
}

// maxIndent is the largest indentation that the engine of Helm 3 is given.
const maxIndent = 1 << 10

// small reports whether a call of a function of bounded makes little, as far as
// the template itself says. One whose numbers are not in the template, or that
// repeats a text that is not, may make much.
func small(name string, args []parse.Node) bool {
	switch name {
	case "indent", "nindent":
		n, ok := number(args, 0)
		return ok && n >= 0 && n <= maxIndent
	case "until":
		n, ok := number(args, 0)
		return ok && n >= -maxList && n <= maxList
	case "untilStep":
		start, first := number(args, 0)
		stop, second := number(args, 1)
		_, third := number(args, 2)
		return first && second && third && max(start, stop)-min(start, stop) <= maxList
	case "seq":
		first, one := number(args, 0)
		if len(args) == 1 {
			return one && first >= -maxList && first < maxList
		}
		second, two := number(args, 1)
		return len(args) == 2 && one && two && max(first, second)-min(first, second) < maxList
	case "repeat":
		n, ok := number(args, 0)
		if !ok || len(args) < 2 {
			return false
		}
		text, ok := args[1].(*parse.StringNode)
		return ok && fits(int(n), len(text.Text)) == nil
	}
	return true
}

func number(args []parse.Node, i int) (int64, bool) {
	if i >= len(args) {
		return 0, false
	}
	n, ok := args[i].(*parse.NumberNode)
	if !ok || !n.IsInt || n.Int64 > 1<<31 || n.Int64 < -1<<31 {
		return 0, false
	}
	return n.Int64, true
}

// sameShape are the fields of .Chart and .Capabilities.KubeVersion that both
// versions of Helm present alike.
var sameShape = map[string][]string{
	"Chart": {
		"Name", "Version", "AppVersion", "Description", "Home", "Icon", "APIVersion", "Condition", "Tags",
		"KubeVersion", "Type", "Deprecated", "IsRoot", "Annotations",
	},
	"Capabilities": {"APIVersions", "KubeVersion", "HelmVersion"},
	"KubeVersion":  {"Version", "GitVersion", "Major", "Minor"},
	"HelmVersion":  {"Version", "GitCommit", "GitTreeState", "GoVersion"},
}

// fields surveys a chain of fields, as in .Chart.Name. Whatever stands in
// values is alike.
func (s *survey) fields(names []string) {
	parent := ""
	for i, name := range names {
		if name == "Values" {
			return
		}
		if name == "Subcharts" && len(names) <= i+2 { // they hold .Chart and .Capabilities
			s.need("the field .Subcharts")
		}
		if name == "Files" {
			s.files = true
		}
		if name == "Lines" && parent == "Files" { // of an empty file
			s.need("the field .Files.Lines")
		}
		within := sameShape[name]
		if (name == "KubeVersion" || name == "HelmVersion") && parent != "Capabilities" {
			within = nil
		}
		if within != nil && (i+1 == len(names) || !slices.Contains(within, names[i+1])) {
			s.need("the field ." + strings.Join(names[:min(i+2, len(names))], "."))
		}
		parent = name
	}
}
