package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// outcome writes in one line how a step ends for a cluster.
func (p *printer) outcome(s *v1.Step) {
	var broken, known tally
	broken.add(s.Summary.NotReady, plural(s.Summary.NotReady, "Flux object")+" not ready")
	broken.add(s.Summary.Fail, plural(s.Summary.Fail, "object")+" refused")
	broken.add(s.Summary.Blocked, plural(s.Summary.Blocked, "object")+" not reached")
	severities := map[finding.Severity]int{}
	for _, f := range s.Facts {
		severities[f.Severity]++
	}
	known.add(severities[finding.Error], plural(severities[finding.Error], "danger"))
	known.add(severities[finding.Warning], plural(severities[finding.Warning], "warning"))
	head, body := span{green, "applies"}, planned(changesOf(s.Summary))
	switch {
	case s.Summary.NotReady+s.Summary.Fail > 0:
		head, body = span{red, "does not apply"}, strings.Join(broken, ", ")
	case severities[finding.Error] > 0:
		head.style = red
	case severities[finding.Warning] > 0:
		head.style = yellow
	}
	if len(known) > 0 {
		body += "; " + strings.Join(known, ", ") + " to look at first"
	}
	p.paragraph(2, 4, []span{{bold, "Verdict: "}, head}, text(": "+body))
	p.line(0)
}

// changesOf is a summary without what failed.
func changesOf(s v1.Summary) v1.Summary {
	s.Fail, s.Blocked, s.NotReady, s.Unchanged = 0, 0, 0, 0
	return s
}

// facts writes what a reviewer has to know, the most severe first. Facts of one
// kind that are worth knowing only stand together.
func (p *printer) facts(list []finding.Fact) {
	if len(list) == 0 {
		return
	}
	p.line(2, span{bold, "What to know:"})
	kind := ""
	for _, f := range list {
		if f.Severity == finding.Info {
			if f.Fact != kind {
				p.line(objectIndent, span{severityStyles[f.Severity], string(f.Severity) + "[" + f.Fact + "]"})
			}
			kind = f.Fact
			p.paragraph(objectIndent+2, objectIndent+4, []span{{bold, f.Object.String()}}, text(" "+shortMessage(f.Message)))
			continue
		}
		p.fact(f)
	}
	p.line(0)
}

// maxOthers is how many objects are named beside the one that a fact is about.
const maxOthers = 8

func (p *printer) fact(f finding.Fact) {
	start := string(f.Severity) + "[" + f.Fact + "]"
	p.paragraph(objectIndent, objectIndent+2, []span{{severityStyles[f.Severity], start}, {bold, ": " + f.Object.String()}}, text(" "+shortMessage(f.Message)))
	gutter := p.place(objectIndent, f.Pos, subject{f.Object, f.Field})
	if n := len(f.Others); n > 0 {
		body := names(f.Others[:min(n, maxOthers)])
		if more := n - maxOthers; more > 0 {
			body += fmt.Sprintf(" and %d more", more)
		}
		p.note(objectIndent, gutter, "concerns", body)
	}
	if f.Check != "" {
		p.note(objectIndent, gutter, "check", f.Check)
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

// annotateFacts writes one annotation for each fact. The line of an object that
// goes is one of the file as it was.
func (p *printer) annotateFacts(cluster string, s *v1.Step) {
	for _, f := range s.Facts {
		pos := f.Pos
		if slices.ContainsFunc(s.Changes, func(c diff.Change) bool {
			return c.Object == f.Object && (c.Action == diff.Delete || c.Action == diff.Orphan)
		}) {
			pos.Line, pos.EndLine, pos.Col, pos.EndCol = 0, 0, 0, 0
		}
		p.annotate(annotation{levels[f.Severity], pos, f.Fact + " in cluster " + cluster,
			withHint(f.Object.String()+" "+shortMessage(f.Message), f.Check)})
	}
}
