package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// outcome writes in one line how a step ends for a cluster. What fails as it did
// before is no verdict on the change.
func (p *printer) outcome(s *v1.Step, failing, before []section) {
	broken, facts := failuresOf(failing), tally{}
	severities := map[finding.Severity]int{}
	for _, f := range s.Facts {
		severities[f.Severity]++
	}
	facts.add(severities[finding.Error], plural(severities[finding.Error], "danger"))
	facts.add(severities[finding.Warning], plural(severities[finding.Warning], "warning"))
	head, body := span{green, "applies"}, planned(changesOf(s.Summary))
	switch {
	case len(failing) > 0:
		head, body = span{red, "does not apply"}, strings.Join(broken, ", ")
	case severities[finding.Error] > 0:
		head.style = red
	case severities[finding.Warning] > 0:
		head.style = yellow
	}
	if len(facts) > 0 {
		body += "; " + strings.Join(facts, ", ") + " to look at first"
	}
	if known := failuresOf(before); len(known) > 0 {
		body += "; as before the change " + strings.Join(known, ", ")
	}
	p.paragraph(2, 4, []span{{bold, "Verdict: "}, head}, text(": "+body))
	p.line(0)
}

// failuresOf counts what fails in some owners.
func failuresOf(list []section) tally {
	var unready, refused, blocked int
	for _, sec := range list {
		unready += number(!sec.owner.Settled() && sec.owner.State != v1.Unknown)
		for _, c := range sec.changes {
			refused += number(c.Action == diff.Fail)
			blocked += number(c.Action == diff.Blocked)
		}
	}
	var out tally
	out.add(unready, plural(unready, "Flux object")+" not ready")
	out.add(refused, plural(refused, "object")+" refused")
	out.add(blocked, plural(blocked, "object")+" not reached")
	return out
}

// changesOf is a summary without what failed.
func changesOf(s v1.Summary) v1.Summary {
	s.Fail, s.Blocked, s.NotReady, s.Unchanged = 0, 0, 0, 0
	return s
}

// told is one fact about one object or several.
type told struct {
	finding.Fact
	objects []finding.Ref
	checks  []string
}

// together joins facts that differ in their object only, and in what to check.
// What is worth knowing only is joined whatever the place.
func together(list []finding.Fact) []told {
	var out []told
	index := map[string]int{}
	for _, f := range list {
		place := fmt.Sprint(f.Pos, f.Others)
		if f.Severity == finding.Info {
			place = ""
		}
		key := strings.Join([]string{f.Fact, string(f.Severity), f.Message, place}, "\x00")
		i, known := index[key]
		if !known {
			i = len(out)
			index[key] = i
			out = append(out, told{Fact: f})
		}
		out[i].objects = append(out[i].objects, f.Object)
		if !slices.Contains(out[i].checks, f.Check) {
			out[i].checks = append(out[i].checks, f.Check)
		}
	}
	return out
}

// about is what a fact is about, as the start of a sentence.
func (t told) about() string {
	if n := len(t.objects); n > 1 {
		return count(n, "object") + ":"
	}
	return t.Object.String()
}

// concerns are the objects that a fact names besides the one that it starts with.
func (t told) concerns() []finding.Ref {
	if len(t.objects) > 1 {
		return t.objects
	}
	return t.Others
}

// maxChecks is how much of what to check is listed where it differs.
const maxChecks = 3

func (t told) check() string {
	out := strings.Join(t.checks[:min(len(t.checks), maxChecks)], "; ")
	if more := len(t.checks) - maxChecks; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// facts writes what a reviewer has to know, the most severe first. Facts of one
// kind that are worth knowing only stand together.
func (p *printer) facts(list []finding.Fact) {
	if len(list) == 0 {
		return
	}
	p.line(2, span{bold, "What to know:"})
	kind := ""
	for _, t := range together(list) {
		if t.Severity != finding.Info {
			p.fact(t)
			continue
		}
		if t.Fact.Fact != kind {
			p.line(objectIndent, span{severityStyles[t.Severity], string(t.Severity) + "[" + t.Fact.Fact + "]"})
		}
		kind = t.Fact.Fact
		message := shortMessage(t.Message)
		if len(t.objects) > 1 {
			message += ": " + some(t.objects)
		}
		p.paragraph(objectIndent+2, objectIndent+4, []span{{bold, t.about()}}, text(" "+message))
	}
	p.line(0)
}

// maxOthers is how many objects are named beside the one that a fact is about.
const maxOthers = 8

// some names the first of some objects, and counts the rest.
func some(refs []finding.Ref) string {
	out := names(refs[:min(len(refs), maxOthers)])
	if more := len(refs) - maxOthers; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

func (p *printer) fact(t told) {
	start := string(t.Severity) + "[" + t.Fact.Fact + "]"
	p.paragraph(objectIndent, objectIndent+2, []span{{severityStyles[t.Severity], start}, {bold, ": " + t.about()}}, text(" "+shortMessage(t.Message)))
	gutter := p.place(objectIndent, t.Pos, subject{t.Object, t.Field})
	if refs := t.concerns(); len(refs) > 0 {
		p.note(objectIndent, gutter, "concerns", some(refs))
	}
	if check := t.check(); check != "" {
		p.note(objectIndent, gutter, "check", check)
	}
}

// broken reports whether the server refuses an object of the owner, or the owner
// itself does not end as it should. What is not known is no failure.
func (s section) broken() bool {
	if !s.owner.Settled() && s.owner.State != v1.Unknown {
		return true
	}
	for _, c := range s.changes {
		if c.Action == diff.Fail {
			return true
		}
	}
	return false
}

// annotateFacts writes one annotation for each fact, or for several that are
// told together. The line of an object that goes is one of the file as it was.
func (p *printer) annotateFacts(cluster string, s *v1.Step) {
	for _, t := range together(s.Facts) {
		pos := t.Pos
		if slices.ContainsFunc(s.Changes, func(c diff.Change) bool {
			return c.Object == t.Object && (c.Action == diff.Delete || c.Action == diff.Orphan)
		}) {
			pos.Line, pos.EndLine, pos.Col, pos.EndCol = 0, 0, 0, 0
		}
		message := t.about() + " " + shortMessage(t.Message)
		if len(t.objects) > 1 {
			message += ": " + some(t.objects)
		}
		p.annotate(annotation{levels[t.Severity], pos, t.Fact.Fact + " in cluster " + cluster, withHint(message, t.check())})
	}
}
