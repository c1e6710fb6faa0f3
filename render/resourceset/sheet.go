package resourceset

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// sheet is one template of a ResourceSet. A place in its text, from 1, has a
// place in the file; 0 is the whole of it.
type sheet struct {
	text  string
	field string
	at    func(line, col int) finding.Position
}

// maxSteps of spec.steps that the operator accepts.
const maxNamedSteps = 20

// sheets are the templates in the order in which their objects count: the
// resources, then the template of many, or those of each step.
func (j *job) sheets() ([]sheet, *render.Result) {
	steps := j.spec.List("steps")
	if len(steps) == 0 {
		return j.sheetsOf("/spec", j.spec)
	}
	if len(j.spec.List("resources")) > 0 || j.spec.Text("resourcesTemplate") != "" {
		return nil, j.invalid("/spec/steps", "steps stand instead of resources and resourcesTemplate, not beside them")
	}
	if len(steps) > maxNamedSteps {
		return nil, j.invalid("/spec/steps", "there are %d steps, and %d at most are allowed", len(steps), maxNamedSteps)
	}
	var out []sheet
	names := map[string]bool{}
	for i, item := range steps {
		field := finding.Pointer("spec", "steps", strconv.Itoa(i))
		step := loose.Of(item)
		if name := step.Text("name"); name == "" || names[name] {
			return nil, j.invalid(field+"/name", "each step needs a name of its own, got %q", name)
		}
		names[step.Text("name")] = true
		more, res := j.sheetsOf(field, step)
		if res != nil {
			return nil, res
		}
		out = append(out, more...)
	}
	return out, nil
}

func (j *job) sheetsOf(field string, in loose.Fields) ([]sheet, *render.Result) {
	var out []sheet
	for i, item := range in.List("resources") {
		at := field + finding.Pointer("resources", strconv.Itoa(i))
		data, err := k8syaml.Marshal(item)
		if err != nil {
			return nil, j.invalid(at, "the resource cannot be written as YAML: %v", err)
		}
		out = append(out, sheet{text: string(data), field: at, at: j.written(at, data)})
	}
	if text := in.Text("resourcesTemplate"); text != "" {
		at := field + "/resourcesTemplate"
		out = append(out, sheet{text: text, field: at, at: j.block(at, text)})
	}
	return out, nil
}

// written places the lines of an object as it was written out for the template:
// the last value that begins on the line or before it.
func (j *job) written(field string, data []byte) func(line, col int) finding.Position {
	var doc yaml.Node
	pointers := map[int]string{}
	last := strings.Count(string(data), "\n") + 1
	if err := yaml.Unmarshal(data, &doc); err == nil && len(doc.Content) > 0 {
		walk(doc.Content[0], "", func(n *yaml.Node, pointer string) {
			if _, taken := pointers[n.Line]; !taken || n.Kind == yaml.ScalarNode {
				pointers[n.Line] = pointer
			}
		})
	}
	return func(line, _ int) finding.Position {
		for line = min(line, last); line > 0; line-- {
			if pointer, ok := pointers[line]; ok {
				return j.in.Object.At(field + pointer)
			}
		}
		return j.in.Object.At(field)
	}
}

// walk visits the values of a YAML tree with their JSON pointers, a value after
// what is around it.
func walk(n *yaml.Node, pointer string, visit func(n *yaml.Node, pointer string)) {
	visit(n, pointer)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(n.Content[i+1], pointer+finding.Pointer(n.Content[i].Value), visit)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			walk(item, pointer+finding.Pointer(strconv.Itoa(i)), visit)
		}
	}
}

// block places the lines of a text that stands in the file as a block. A text
// that stands there in another way, or that somebody changed on its way into
// the cluster, is one place.
func (j *job) block(field, text string) func(line, col int) finding.Position {
	whole := j.in.Object.At(field)
	doc := j.in.Object.Origin.Doc
	if doc == nil {
		return func(int, int) finding.Position { return whole }
	}
	n := doc.Node(field)
	if n == nil || n.Style&yaml.LiteralStyle == 0 || whole.File != doc.At(field).File || whole.Line != doc.At(field).Line {
		return func(int, int) finding.Position { return whole }
	}
	declared := strings.Split(n.Value, "\n")
	same := n.Value == text
	if len(declared) != len(strings.Split(text, "\n")) {
		return func(int, int) finding.Position { return whole }
	}
	data, err := doc.File.Data()
	if err != nil {
		return func(int, int) finding.Position { return whole }
	}
	lines := strings.Split(string(data), "\n")
	return func(line, col int) finding.Position {
		if line < 1 || line > len(declared) || whole.Line+line > len(lines) {
			return whole
		}
		raw := strings.TrimSuffix(lines[whole.Line+line-1], "\r")
		content, ok := strings.CutSuffix(raw, strings.TrimSuffix(declared[line-1], "\r"))
		if !ok {
			return whole
		}
		pos := doc.File.Position(whole.Line+line, len([]rune(content))+max(col, 1))
		pos.Precision = finding.PrecisionExact
		if !same {
			pos.Col = 0
		}
		return pos
	}
}
