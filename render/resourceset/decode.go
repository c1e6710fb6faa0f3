package resourceset

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// chunk is one document of an output.
type chunk struct {
	text string
	line int // of the output, from 0, that it begins on
}

// chunks splits an output at the lines that separate documents.
func chunks(text string) []chunk {
	var out []chunk
	lines := strings.SplitAfter(text, "\n")
	begin := 0
	cut := func(end int) {
		if doc := strings.Join(lines[begin:end], ""); strings.TrimSpace(doc) != "" {
			out = append(out, chunk{doc, begin})
		}
		begin = end + 1
	}
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "---"); ok {
			if rest = strings.TrimSpace(rest); rest == "" || strings.HasPrefix(rest, "#") {
				cut(i)
			}
		}
	}
	cut(len(lines))
	return out
}

// decode takes the objects of an output.
func (j *job) decode(s sheet, b *blueprint, out *rendering) *render.Result {
	text := out.String()
	place := func(line, col int) finding.Position { return s.at(out.template(b, line, col)) }
	for _, c := range chunks(text) {
		data, err := k8syaml.YAMLToJSON([]byte(c.text))
		if err != nil {
			line, message := yamlComplaint(err)
			return j.refuse(finding.Problem{
				Reason: "template-yaml", Field: s.field, Pos: place(c.line+max(line, 1), 1),
				Message: "the template yields no valid YAML: " + message,
			})
		}
		if string(data) == "null" {
			continue
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(data); err != nil || u.GetAPIVersion() == "" || u.GetName() == "" && !u.IsList() {
			return j.refuse(finding.Problem{
				Reason: "template-no-object", Field: s.field, Pos: place(c.first(), 1),
				Message: "the template yields something that is no Kubernetes object: apiVersion, kind and metadata.name are needed",
			})
		}
		writers := j.writers(c, place)
		if !u.IsList() {
			j.take(u, place(c.first(), 1), writers)
			continue
		}
		for i, item := range loose.Of(u.Object).List("items") {
			m, _ := item.(map[string]any)
			one := &unstructured.Unstructured{Object: m}
			if one.GetKind() == "" || one.GetName() == "" {
				return j.refuse(finding.Problem{
					Reason: "template-no-object", Field: s.field, Pos: place(c.first(), 1),
					Message: fmt.Sprintf("the item %d of a list that the template yields is no Kubernetes object", i),
				})
			}
			j.take(one, place(c.first(), 1), below(writers, finding.Pointer("items", strconv.Itoa(i))))
		}
	}
	return nil
}

// first is the line of the output, from 1, on which the content begins.
func (c chunk) first() int {
	for i, l := range strings.Split(c.text, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			return c.line + i + 1
		}
	}
	return c.line + 1
}

// template translates a place in the output into one in the template, from 1.
func (r *rendering) template(b *blueprint, line, col int) (int, int) {
	text := r.String()
	if r.starts == nil {
		r.starts = []int{0}
		for i := range len(text) {
			if text[i] == '\n' {
				r.starts = append(r.starts, i+1)
			}
		}
	}
	if line < 1 || line > len(r.starts) {
		return 0, 0
	}
	start := r.starts[line-1]
	rest := text[start:]
	for range max(col, 1) - 1 {
		if rest == "" || rest[0] == '\n' {
			break
		}
		_, rest, _ = cutRune(rest)
	}
	return place(b.text, r.origin(b, len(text)-len(rest)))
}

func cutRune(s string) (rune, string, bool) {
	for _, r := range s {
		return r, s[len(string(r)):], true
	}
	return 0, "", false
}

// writers place every value of a document.
func (j *job) writers(c chunk, place func(line, col int) finding.Position) []render.Writer {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(c.text), &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	var out []render.Writer
	walk(doc.Content[0], "", func(n *yaml.Node, pointer string) {
		if pos := place(c.line+n.Line, n.Column); !pos.IsZero() {
			out = append(out, render.Writer{Pointer: pointer, What: "template", Pos: pos})
		}
	})
	return out
}

// below are the writers of a part of an object, as those of an object of its own.
func below(writers []render.Writer, pointer string) []render.Writer {
	var out []render.Writer
	for _, w := range writers {
		if rest, ok := strings.CutPrefix(w.Pointer, pointer); ok && (rest == "" || rest[0] == '/') {
			w.Pointer = rest
			out = append(out, w)
		}
	}
	return out
}

// yamlLine is how the library tells a line.
var yamlLine = regexp.MustCompile(`line (\d+): `)

func yamlComplaint(err error) (line int, message string) {
	message = err.Error()
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	message = strings.TrimPrefix(strings.TrimPrefix(message, "error converting YAML to JSON: "), "yaml: ")
	return line, yamlLine.ReplaceAllString(message, "")
}

// take adds an object unless an earlier one has its name, or it asks to be left out.
func (j *job) take(u *unstructured.Unstructured, pos finding.Position, writers []render.Writer) {
	if strings.EqualFold(u.GetAnnotations()[group+"/reconcile"], "disabled") {
		return
	}
	o := &render.Object{Unstructured: u, Origin: render.Origin{Owner: j.in.Object, Place: pos, Writers: writers}}
	ref := o.Ref()
	first := j.seen[ref]
	if first == nil {
		j.seen[ref] = o
		j.objects = append(j.objects, o)
		return
	}
	told := slices.ContainsFunc(j.problems, func(p finding.Problem) bool { return p.Object == ref && p.Pos == pos })
	if told || reflect.DeepEqual(first.Object, u.Object) {
		return
	}
	j.problems = append(j.problems, finding.Problem{
		Reason: "resource-duplicate", Object: ref, Pos: pos,
		Message: fmt.Sprintf("%s is yielded more than once with different content, and only the first is applied", ref),
		Hint:    "make the name depend on the input, such as << inputs.id >>",
		Related: []finding.Related{{Pos: first.At(""), Message: "the first is from here"}},
	})
}
