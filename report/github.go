package report

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// annotation is one workflow command of GitHub Actions.
type annotation struct {
	level   string // error, warning, notice
	pos     finding.Position
	title   string
	message string
}

var levels = map[finding.Severity]string{finding.Error: "error", finding.Warning: "warning", finding.Info: "notice"}

// writeGitHub writes annotations for findings, for objects that the server
// refuses, for Flux objects that do not end ready and for facts, then what
// happens to each cluster, folded, and the summary as text.
func writeGitHub(w io.Writer, r Report, o Options) error {
	p := newPrinter(w, Options{Source: o.Source, Folder: o.Folder})
	for _, g := range grouped(r.Findings) {
		p.annotate(annotation{levels[g.Severity], g.Pos, g.Rule, withHint(g.Message, g.Hint)})
	}
	for _, c := range r.Clusters {
		var was *v1.Step
		for i := range c.Steps {
			step := &c.Steps[i]
			if step.Summarised {
				was = step
				continue
			}
			p.annotateStep(c.Name, step, was)
			p.annotateFacts(c.Name, step)
		}
	}
	for _, c := range r.Clusters {
		p.folded(c, r)
	}
	p.summary(r)
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write annotations: %w", err)
	}
	return nil
}

// folded writes the plan of a cluster as a part of the log that opens on request.
func (p *printer) folded(c v1.Cluster, r Report) {
	if len(c.Steps) == 0 {
		return
	}
	fmt.Fprintf(p.out, "::group::What changes in cluster %s\n", data.Replace(clean(c.Name)))
	p.stated = statedBy(r.Findings, c.Name)
	p.plan(c, r.Revisions)
	p.out.WriteString("::endgroup::\n")
}

// annotateStep annotates each cause of a refusal, and each owner that is not
// ready for another reason than a refusal, or than that it waits for one that
// is annotated. What was so before the change is a warning.
func (p *printer) annotateStep(cluster string, s, was *v1.Step) {
	b := blockageOf(s)
	for _, sec := range sections(s) {
		refused := false
		for _, ch := range sec.changes {
			if ch.Action == diff.Fail {
				refused = true
				p.annotateRefusal(ch, sec, annotation{level: since(failed(was, ch)), title: ch.Object.String() + " is refused in cluster " + cluster})
			}
		}
		if sec.owner.Settled() || sec.owner.State == v1.Unknown || refused || b.follows(sec.owner.Object) {
			continue
		}
		o := sec.owner
		title := o.Object.String() + " is not ready in cluster " + cluster
		message := o.Ready.Reason + separator(o.Ready.Message) + shortMessage(o.Ready.Message)
		pos := o.Edit
		if pos.IsZero() {
			pos = o.Pos
		}
		p.annotate(annotation{since(sec.asBefore(was)), pos, title, withHint(message, o.Hint)})
	}
}

func since(before bool) string {
	if before {
		return "warning"
	}
	return "error"
}

// annotateRefusal completes an annotation for each cause of a refusal, with what
// becomes of the owner because of it.
func (p *printer) annotateRefusal(ch diff.Change, sec section, a annotation) {
	a.pos = ch.Pos
	if ch.Error == nil {
		a.message = ch.Reason
		p.annotate(a)
		return
	}
	if len(ch.Error.Causes) == 0 {
		a.message = withHint(withHint(shortMessage(ch.Error.Message), ch.Error.Hint), sec.consequence(ch))
		p.annotate(a)
	}
	for _, cause := range ch.Error.Causes[:min(len(ch.Error.Causes), maxShownCauses)] {
		a.pos = cause.Pos
		if a.pos.IsZero() {
			a.pos = ch.Pos
		}
		a.message = withHint(withHint(fieldHead(cause.Field)+shortMessage(cause.Message), ch.Error.Hint), sec.consequence(ch))
		p.annotate(a)
	}
}

// consequence says how the owner of a refused object ends, and what waits for it.
func (s section) consequence(ch diff.Change) string {
	if ch.Beyond {
		return s.owner.Object.String() + " does not get this far: it stops at another object before"
	}
	if s.owner.Settled() {
		return ""
	}
	out := s.owner.Object.String() + " ends with " + status(s.owner)
	if s.blocks != "" {
		out += ", and blocks " + s.blocks
	}
	return out
}

func withHint(message, hint string) string {
	if hint == "" {
		return message
	}
	return message + "\n" + hint
}

// annotate writes one command. A file that is not in the repository is named in
// the message, since GitHub would look for it in the pull request.
func (p *printer) annotate(a annotation) {
	var properties []string
	add := func(name, value string) { properties = append(properties, name+"="+property.Replace(value)) }
	number := func(name string, n int) {
		if n > 0 {
			add(name, strconv.Itoa(n))
		}
	}
	if !a.pos.IsZero() {
		if p.inRepository(a.pos.File) {
			add("file", clean(path.Join(p.Folder, a.pos.File)))
			number("line", a.pos.Line)
			number("endLine", a.pos.EndLine)
			number("col", a.pos.Col)
			number("endColumn", a.pos.EndCol)
		} else {
			a.message += "\n" + a.pos.String()
		}
	}
	add("title", cleanLines(a.title))
	fmt.Fprintf(p.out, "::%s %s::%s\n", a.level, strings.Join(properties, ","), data.Replace(cleanLines(a.message)))
}

func (p *printer) inRepository(file string) bool {
	if p.Source == nil {
		return true
	}
	_, ok := p.Source(file)
	return ok
}

// data escapes the message of a command, property a value in front of it.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// cleanLines is clean for a text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}
