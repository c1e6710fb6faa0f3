package kustomization

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// use is a variable in a text, with what escapes it in front.
var use = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)[^}]*\}`)

// variables are the fields of a built object that substitution writes. The
// place to edit is where the variable gets its value. A text of several lines or
// variables, or one that a default fills, is edited where it stands.
func (j *job) variables(content map[string]any) []render.Writer {
	var out []render.Writer
	texts(content, "", func(pointer, text string) {
		names := map[string]bool{}
		name := ""
		for _, m := range use.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[0], "$$") {
				name = m[1]
				names[name] = true
			}
		}
		if len(names) == 0 {
			return
		}
		w := render.Writer{Pointer: pointer, What: "substitution"}
		if len(names) == 1 && !strings.Contains(text, "\n") {
			w.Pos = j.definition(name)
		}
		out = append(out, w)
	})
	return out
}

// texts calls f for every text in a value that may use a variable.
func texts(v any, pointer string, f func(pointer, text string)) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") {
			f(pointer, v)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			texts(v[k], pointer+finding.Pointer(k), f)
		}
	case []any:
		for i, item := range v {
			texts(item, pointer+"/"+itoa(i), f)
		}
	}
}

// definition is the place where a variable gets its value, zero when no file
// has it: inline first, then the last source that has it.
func (j *job) definition(name string) finding.Position {
	pos, known := j.definitions[name]
	if !known {
		pos = j.define(name)
		if j.definitions == nil {
			j.definitions = map[string]finding.Position{}
		}
		j.definitions[name] = pos
	}
	return pos
}

func (j *job) define(name string) finding.Position {
	post := j.spec.Sub("postBuild")
	if _, ok := post.Sub("substitute")[name]; ok {
		return j.in.Object.At(finding.Pointer("spec", "postBuild", "substitute", name))
	}
	locator, _ := j.in.Cluster.(render.Locator)
	from := post.List("substituteFrom")
	for i := len(from) - 1; i >= 0 && locator != nil; i-- {
		m := loose.Of(from[i])
		ref := finding.Ref{Kind: m.Text("kind"), Namespace: j.in.Object.GetNamespace(), Name: m.Text("name")}
		u, _ := render.Content(j.ctx, j.in.Cluster, ref)
		if u == nil {
			continue
		}
		for _, field := range []string{"stringData", "data"} {
			if _, ok := loose.Fields(u.Object).Sub(field)[name]; ok {
				return locator.Place(j.ctx, ref, finding.Pointer(field, name))
			}
		}
	}
	return finding.Position{}
}
