package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// plan writes what the replay of the last steps did to a cluster: by owner in
// the order of reconciliation, then by object.
func (p *printer) plan(c v1.Cluster, revisions v1.Revisions) {
	if len(c.Steps) == 0 {
		return
	}
	title := "Cluster " + c.Name
	if revisions.Base != "" {
		title += ": " + revisions.Base + " → " + revisions.Head
	} else if revisions.Head != "" {
		title += ": " + revisions.Head
	}
	p.line(0, span{bold, title}, span{dim, "  Flux " + c.FluxVersion + ", Kubernetes " + c.KubernetesVersion})
	p.line(0)
	var was *v1.Step
	for i := range c.Steps {
		step := &c.Steps[i]
		if step.Summarised {
			p.summarised(step)
			was = step
			continue
		}
		if len(c.Steps) > 1 {
			p.line(2, span{dim, "step " + step.Name})
		}
		p.step(step, was)
	}
}

// summarised writes in one line what the base revision gives.
func (p *printer) summarised(s *v1.Step) {
	p.paragraph(2, 4, []span{{dim, "step " + s.Name + ": "}}, span{dim, planned(s.Summary)})
	p.line(0)
}

// section is an owner with what happens to its objects.
type section struct {
	owner   v1.Owner
	changes []diff.Change
	blocks  string // what waits for the owner
	waits   string // what the owner waits for
	follows bool   // nothing keeps the owner from being ready but others
	gone    bool   // the owner is deleted
}

// sections are in the order of reconciliation; owners that change nothing come last.
func sections(s *v1.Step) []section {
	var out []section
	index := map[finding.Ref]int{}
	at := func(ref finding.Ref) *section {
		i, ok := index[ref]
		if !ok {
			i = len(out)
			index[ref] = i
			out = append(out, section{owner: v1.Owner{Object: ref, State: v1.Rendered, Ready: v1.Condition{Status: "True"}}})
		}
		return &out[i]
	}
	for _, c := range s.Changes {
		sec := at(c.Owner)
		sec.changes = append(sec.changes, c)
	}
	for _, o := range s.Owners {
		at(o.Object).owner = o
	}
	for _, c := range s.Changes {
		if i, ok := index[c.Object]; ok && c.Action == diff.Delete && c.Reason != "terminating" {
			out[i].gone, out[i].owner.Pos = true, c.Pos
		}
	}
	b := blockageOf(s)
	for i := range out {
		ref := out[i].owner.Object
		out[i].blocks, out[i].waits, out[i].follows = b.chain(ref), b.causes(ref), b.follows(ref)
	}
	return out
}

// quiet reports whether the owner is ready and has changed nothing.
func (s section) quiet() bool {
	return s.owner.Settled() && !slices.ContainsFunc(s.changes, func(c diff.Change) bool { return c.Action != diff.Unchanged && c.Action != diff.Skip })
}

// step writes how the step ends, what to know about it, what fails, what changes,
// and last what fails as it did before.
func (p *printer) step(s, was *v1.Step) {
	quiet, unchanged := 0, 0
	var left []finding.Ref
	var failing, changing, known []section
	for _, sec := range sections(s) {
		switch {
		case sec.known(was):
			known = append(known, sec)
		case sec.broken():
			failing = append(failing, sec)
		case sec.quiet() && !p.ShowUnchanged:
			quiet++
			for _, c := range sec.changes {
				if unchanged++; c.Action == diff.Skip {
					left = append(left, c.Object)
				}
			}
		default:
			changing = append(changing, sec)
		}
	}
	p.outcome(s, failing, known)
	p.facts(s.Facts)
	slices.SortStableFunc(failing, func(a, b section) int { return number(a.follows) - number(b.follows) })
	for _, part := range []struct {
		title string
		list  []section
		write func(section, *v1.Step)
	}{{"Failures:", failing, p.section}, {"Changes:", changing, p.section}, {"As before the change:", known, p.brief}} {
		if len(part.list) > 0 {
			p.line(2, span{bold, part.title})
		}
		for _, sec := range part.list {
			part.write(sec, was)
		}
	}
	if quiet > 0 {
		p.paragraph(2, 4, nil, span{dim, quietly(quiet, unchanged, left)})
	}
	p.notes(s)
	p.line(0)
}

// notes writes what the result of a step rests on.
func (p *printer) notes(s *v1.Step) {
	for _, n := range append(slices.Clone(s.Notes), indifferent(s.Webhooks)...) {
		p.paragraph(2, 8, []span{{bold, "note: "}}, text(shortMessage(n)))
	}
}

// indifferent counts the webhooks that would have seen nothing of a step, by
// their configurations.
func indifferent(webhooks []v1.Webhook) []string {
	counts, total := map[string]int{}, 0
	for _, w := range webhooks {
		if len(w.Sees)+len(w.SeesPodsOf) == 0 {
			counts[w.Configuration.Name]++
			total++
		}
	}
	if total == 0 {
		return nil
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s (%d)", name, counts[name]))
	}
	return []string{fmt.Sprintf("%s would see nothing of what changes: %s", count(total, "webhook"), strings.Join(out, ", "))}
}

// quietly counts what the plan leaves out, and names what is left alone on
// request.
func quietly(owners, objects int, left []finding.Ref) string {
	out := count(owners, "Flux object") + " without changes"
	if n := objects - len(left); n > 0 {
		out += ", " + count(n, "unchanged object")
	}
	if len(left) > 0 {
		out += ", " + count(len(left), "object") + " left alone on request: " + some(left)
	}
	return out
}

func (p *printer) section(sec section, was *v1.Step) {
	p.head(sec)
	p.verdict(sec, was)
	p.said = sec.owner.Ready.Message
	unchanged := 0
	var blocked []string
	same := commonIn(sec.changes)
	p.common(same)
	for _, c := range firstStop(sec.changes) {
		switch {
		case same.covers(c):
		case c.Action == diff.Blocked:
			blocked = append(blocked, c.Object.String())
		case c.Action == diff.Unchanged && !p.ShowUnchanged:
			unchanged++
		default:
			p.change(same.without(c), was)
		}
	}
	p.blocked(blocked)
	if unchanged > 0 {
		p.line(objectIndent+symbolWidth, span{dim, fmt.Sprintf("%d unchanged", unchanged)})
	}
	p.line(0)
}

// head names an owner.
func (p *printer) head(sec section) {
	head := []span{{bold, sec.owner.Object.String()}}
	if sec.owner.State == v1.Suspended {
		head = append(head, text(" is suspended"))
	}
	if sec.gone {
		head = append(head, text(" is deleted"))
	}
	if !sec.owner.Pos.IsZero() {
		head = append(head, span{dim, "   " + sec.owner.Pos.String()})
	}
	p.line(2, head...)
}

// firstStop puts the refusal that Flux stops at before those that it does not get to.
func firstStop(changes []diff.Change) []diff.Change {
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b diff.Change) int {
		rank := func(c diff.Change) int {
			switch {
			case c.Action != diff.Fail:
				return 1
			case c.Beyond:
				return 2
			}
			return 0
		}
		return rank(a) - rank(b)
	})
	return out
}

// maxBlocked is how many blocked objects of an owner are named.
const maxBlocked = 5

func (p *printer) blocked(names []string) {
	if len(names) == 0 {
		return
	}
	shown := names[:min(len(names), maxBlocked)]
	body := count(len(names), "object") + " not applied: " + strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		body += fmt.Sprintf(" and %d more", more)
	}
	p.paragraph(objectIndent, objectIndent+symbolWidth, []span{{yellow, "  x "}}, text(body))
}

// verdict writes what Flux itself says about an owner that does not end ready,
// and what waits for it.
func (p *printer) verdict(sec section, was *v1.Step) {
	if sec.owner.Settled() {
		return
	}
	p.condition(sec, was)
	o := sec.owner
	p.causes(sec)
	if !o.Edit.IsZero() && !sec.follows {
		p.place(objectIndent, o.Edit, subject{})
	}
	if sec.waits != "" {
		p.note(objectIndent, 3, "waits for", sec.waits)
	}
	if sec.blocks != "" {
		p.note(objectIndent, 3, "blocks", sec.blocks)
	}
	if o.Hint != "" && !sec.follows {
		p.note(objectIndent, 3, "help", o.Hint)
	}
}

// condition writes how an owner ends that does not end ready.
func (p *printer) condition(sec section, was *v1.Step) {
	o := sec.owner
	head := span{red, "  ! " + status(o)}
	if o.State == v1.Unknown {
		head = span{yellow, "  ? not known here, " + o.Reason}
	}
	if sec.asBefore(was) {
		head.text += " (already so before the change)"
	}
	p.paragraph(objectIndent, objectIndent+symbolWidth, []span{head, text(separator(o.Ready.Message))}, text(shortMessage(o.Ready.Message)))
}

// maxCauses is how many mistakes of an owner are placed below its verdict.
const maxCauses = 5

// causes writes where the mistakes are that keep an owner from being built. What
// to type is in the findings at the end, what is refused in the changes.
func (p *printer) causes(sec section) {
	if slices.ContainsFunc(sec.changes, func(c diff.Change) bool { return c.Action == diff.Fail }) {
		return
	}
	const indent = objectIndent + symbolWidth
	stated := slices.Clone(p.stated[sec.owner.Object])
	if len(sec.owner.BlockedBy) > 0 { // nothing of it was built
		stated = slices.DeleteFunc(stated, func(f finding.Finding) bool { return f.Object != sec.owner.Object })
	}
	stated = slices.DeleteFunc(stated, func(f finding.Finding) bool { // it is shown below
		return f.Pos == sec.owner.Edit && strings.Contains(sec.owner.Ready.Message, f.Message)
	})
	for _, f := range stated[:min(len(stated), maxCauses)] {
		said := "  " + shortMessage(f.Message)
		if strings.Contains(sec.owner.Ready.Message, f.Message) {
			said = ""
		}
		p.paragraph(indent, indent+4, []span{{blue, "--> "}}, text(f.Pos.String()+said))
	}
	if more := len(stated) - maxCauses; more > 0 {
		p.line(indent, span{dim, fmt.Sprintf("and %d more below", more)})
	}
}

// statedBy are the errors of a cluster that have a place, by the object that
// they are about, and by the Flux object that builds it.
func statedBy(findings []finding.Finding, cluster string) map[finding.Ref][]finding.Finding {
	out := map[finding.Ref][]finding.Finding{}
	for _, f := range findings {
		if f.Cluster != cluster || f.Severity != finding.Error || f.Pos.IsZero() {
			continue
		}
		out[f.Object] = append(out[f.Object], f)
		if n := len(f.Chain); n > 0 && f.Chain[n-1] != f.Object {
			out[f.Chain[n-1]] = append(out[f.Chain[n-1]], f)
		}
	}
	return out
}

// status is the Ready condition without its message.
func status(o v1.Owner) string {
	out := "Ready=" + o.Ready.Status
	if o.Ready.Status == "" {
		out = "Ready is not set"
	}
	if o.Ready.Reason != "" {
		out += ", " + o.Ready.Reason
	}
	return out
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func separator(message string) string {
	if message == "" {
		return ""
	}
	return ": "
}

func names(refs []finding.Ref) string {
	words := make([]string, len(refs))
	for i, ref := range refs {
		words[i] = ref.String()
	}
	return strings.Join(words, ", ")
}
