package helmrelease

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// What Helm's engine prints about a template: a call of fail or required, a
// text that does not parse, and an error while executing, whose first line is
// the place and whose last line is the cause. Where the engine cannot take an
// error apart it prints the chain of text/template, whose last link is the cause.
var (
	failPattern    = regexp.MustCompile(`(?s)^execution error at \(([^()]+)\): (.*)$`)
	parsePattern   = regexp.MustCompile(`(?s)^parse error (?:at|in) \(([^()]+)\): (.*)$`)
	executePattern = regexp.MustCompile(`(?s)^([^\s:]+:\d+:\d+)\n`)
	nestedPattern  = regexp.MustCompile(`template: ([^\s:]+:\d+:\d+): executing `)
	yamlPattern    = regexp.MustCompile(`(?s)^YAML parse error on ([^:]+): (.*)$`)
	linePattern    = regexp.MustCompile(`line (\d+)`)
	idPattern      = regexp.MustCompile(`may not add resource with an already registered id: (\S+)`)
)

// translate makes Problems of what Helm says, at least one. What it does not
// know is kept whole.
func (r *renderRun) translate(err error) []finding.Problem {
	field := chartField(r.prepared.HelmRelease)
	var schema *schemaError
	var kube *kubeVersionError
	var crds *crdsError
	var name *nameError
	switch {
	case errors.As(err, &name):
		return []finding.Problem{{Reason: ReasonInstall, Field: "/spec/releaseName",
			Message: fmt.Sprintf("Helm takes no release with the name %q", r.prepared.ReleaseName),
			Hint:    "write it in lower case letters, digits, \"-\" and \".\", beginning and ending with a letter or digit"}}
	case errors.Is(err, errTime), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return []finding.Problem{{Reason: ReasonTemplateTime, Field: field, Message: err.Error(),
			Hint: "look for loops in loops, for values that contain themselves and for templates that call themselves"}}
	case errors.Is(err, errYield):
		return []finding.Problem{{Reason: ReasonTemplateTime, Field: field, Message: err.Error(), Hint: "look for loops in its templates, or split it into several charts"}}
	case errors.As(err, &schema):
		return schemaProblems(schema)
	case errors.As(err, &kube):
		return []finding.Problem{{Reason: ReasonKubeVersion, Field: field,
			Message: fmt.Sprintf("the chart needs Kubernetes %q, the cluster has %q", kube.want, kube.have),
			Hint:    "use another version of the chart, or say which version the cluster has"}}
	case errors.As(err, &crds):
		return []finding.Problem{r.templateProblem(ReasonCRDs, crds.err.Error(), crds.path)}
	}
	if p, ok := r.translatePostRender(err); ok {
		return []finding.Problem{p}
	}
	return []finding.Problem{r.translateTemplate(err)}
}

// crashed is how Go begins the text of what a template function has not expected.
const crashed = "runtime error: "

func (r *renderRun) translateTemplate(err error) finding.Problem {
	text := strings.ReplaceAll(err.Error(), crashed, "")
	if m := failPattern.FindStringSubmatch(text); m != nil {
		p := r.templateProblem(ReasonTemplateFail, "the chart refuses the values: "+m[2], m[1])
		p.Hint = "set what the chart asks for in spec.values"
		return p
	}
	if m := parsePattern.FindStringSubmatch(text); m != nil {
		return r.templateProblem(ReasonTemplate, "the template does not parse: "+m[2], m[1])
	}
	if m := executePattern.FindStringSubmatch(text); m != nil {
		lines := strings.Split(text, "\n")
		at := m[1]
		for _, line := range lines {
			if executePattern.MatchString(line + "\n") {
				at = line // the innermost template
			}
		}
		return r.templateProblem(ReasonTemplate, "the template does not execute: "+strings.TrimSpace(lines[len(lines)-1]), at)
	}
	if all := nestedPattern.FindAllStringSubmatch(text, -1); all != nil {
		cause := text[strings.LastIndex(text, ">: ")+1:]
		at := all[0][1]
		for _, m := range all {
			if !strings.HasPrefix(m[1], "gotpl:") { // a text that tpl executes has no file
				at = m[1]
			}
		}
		return r.templateProblem(ReasonTemplate, "the template does not execute"+cause, at)
	}
	if m := yamlPattern.FindStringSubmatch(text); m != nil {
		return r.templateProblem(ReasonTemplateYAML, "the template yields no YAML: "+m[2], m[1])
	}
	return finding.Problem{Reason: ReasonInstall, Field: chartField(r.prepared.HelmRelease), Message: "Helm cannot render the chart: " + text}
}

func (r *renderRun) translatePostRender(err error) (finding.Problem, bool) {
	var broken *yamlError
	var post *postRenderError
	var kind *kindError
	switch {
	case errors.As(err, &broken) && errors.As(err, &kind):
		return r.templateProblem(ReasonTemplateYAML, fmt.Sprintf("the template yields %q where an object must stand", strings.TrimSpace(kind.text)), broken.path), true
	case errors.As(err, &broken):
		text := strings.TrimPrefix(broken.err.Error(), "MalformedYAMLError: ")
		// The line counts in the output of the template, not in its text.
		return r.templateProblem(ReasonTemplateYAML, "the template yields no YAML: "+linePattern.ReplaceAllString(text, "line $1 of its output"), broken.path), true
	case errors.As(err, &post):
		if m := idPattern.FindStringSubmatch(post.err.Error()); m != nil {
			return finding.Problem{Reason: ReasonDuplicate, Field: chartField(r.prepared.HelmRelease),
				Message: fmt.Sprintf("the chart yields the object %q twice", m[1]),
				Hint:    "remove one from the chart; set \"postRenderStrategy: separate\" if one of them is a hook"}, true
		}
		field := "/spec/postRenderers"
		if len(r.prepared.HelmRelease.Spec.PostRenderers) == 0 {
			field = chartField(r.prepared.HelmRelease)
		}
		return finding.Problem{Reason: ReasonPostRender, Field: field, Message: "the rendered objects cannot be post-rendered: " + post.err.Error()}, true
	}
	return finding.Problem{}, false
}

// schemaProblems are the refused values, each at the place in spec.values.
func schemaProblems(e *schemaError) []finding.Problem {
	var out []finding.Problem
	for _, leaf := range e.leaves {
		at := strings.ReplaceAll(strings.TrimPrefix(leaf.pointer, "/"), "/", ".")
		what := fmt.Sprintf("value %q", at)
		if at == "" {
			what = "values"
		}
		out = append(out, finding.Problem{
			Reason: ReasonSchema, Field: "/spec/values" + leaf.pointer,
			Message: fmt.Sprintf("the schema of the chart refuses the %s: %s", what, leaf.message),
			Hint:    "correct the value, or the valuesFrom entry that sets it",
		})
	}
	return out
}

// parseLocation splits path:line:column.
func parseLocation(at string) (name string, line, col int) {
	parts := strings.Split(at, ":")
	name = parts[0]
	if len(parts) > 1 {
		line, _ = strconv.Atoi(parts[1])
	}
	if len(parts) > 2 {
		col, _ = strconv.Atoi(parts[2])
		col++ // text/template counts bytes from 0
	}
	return name, line, col
}
