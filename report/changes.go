package report

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// Columns of the plan.
const (
	objectIndent = 4
	symbolWidth  = 4
	fieldIndent  = objectIndent + symbolWidth + 2
)

// mark is how an action is shown.
type mark struct {
	symbol string
	style  style
	words  string // after the object, where the symbol alone says too little
}

var marks = map[diff.Action]mark{
	diff.Create:    {"  +", green, ""},
	diff.Update:    {"  ~", yellow, ""},
	diff.Recreate:  {"-/+", red, "deleted and created again"},
	diff.Delete:    {"  -", red, ""},
	diff.Orphan:    {"  <", yellow, "stays in the cluster without an owner"},
	diff.Adopt:     {"  >", yellow, "taken over"},
	diff.Skip:      {"  .", dim, "left alone"},
	diff.Unchanged: {"  =", dim, ""},
	diff.Fail:      {"  !", red, "refused"},
	diff.Blocked:   {"  x", yellow, "not applied"},
}

// change writes one object: what happens, where it is declared, which fields
// differ, and why the server refuses it.
func (p *printer) change(c diff.Change, was *v1.Step) {
	m := marks[c.Action]
	line := []span{{m.style, m.symbol + " "}, {bold, c.Object.String()}}
	if words := remark(c, m); words != "" {
		line = append(line, text(" "+words))
	}
	if c.Action == diff.Fail && failed(was, c) {
		line = append(line, text(" (already so before the change)"))
	}
	if !c.Pos.IsZero() {
		line = append(line, span{dim, "   " + c.Pos.String()})
	}
	p.line(objectIndent, line...)
	if c.Action != diff.Create && c.Action != diff.Delete {
		p.fields(c)
	}
	if c.Error != nil {
		p.refusal(c)
	}
}

// remark says what the symbol does not.
func remark(c diff.Change, m mark) string {
	var words []string
	if m.words != "" {
		words = append(words, m.words)
	}
	switch {
	case c.From.IsZero():
	case c.Action == diff.Adopt:
		words = append(words, "from "+c.From.String())
	default:
		words = append(words, "moved from "+c.From.String())
	}
	if c.Error != nil && c.Error.Reason != "" {
		words = append(words, c.Error.Reason)
	}
	told := c.Reason == "moved" && !c.From.IsZero()
	if c.Reason != "" && !told && (c.Error == nil || !strings.EqualFold(plainly(c.Reason), plainly(c.Error.Reason))) {
		words = append(words, c.Reason)
	}
	if c.Beyond {
		words = append(words, "Flux does not get this far")
	}
	if c.Hook {
		words = append(words, "hook")
	}
	if len(words) == 0 {
		return ""
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// plainly is a reason without what parts its words.
func plainly(reason string) string { return strings.NewReplacer(" ", "", "-", "").Replace(reason) }

// The most fields of an object, lines of a text, and causes of a refusal that are shown.
const (
	maxShownCauses = 10
	maxFields      = 40
	maxHunks       = 40
)

func (p *printer) fields(c diff.Change) {
	for i, f := range c.Fields {
		if i == maxFields {
			p.line(fieldIndent, span{dim, "… " + count(len(c.Fields)-i, "more field")})
			return
		}
		p.field(f, c.Pos)
	}
}

func (p *printer) field(f diff.Field, object finding.Position) {
	line := fieldSpans(f)
	if !f.Pos.IsZero() && f.Pos.String() != object.String() {
		line = append(line, span{dim, "   " + f.Pos.String()})
	}
	p.line(fieldIndent, line...)
	if f.Text != "" {
		p.hunks(f.Text)
	}
}

// fieldSpans say what becomes of a field.
func fieldSpans(f diff.Field) []span {
	switch {
	case f.Kind == diff.Added:
		return []span{{green, "+ "}, text(f.Label + ": " + shortValue(f.After))}
	case f.Kind == diff.Removed:
		return []span{{red, "- "}, text(f.Label + ": " + shortValue(f.Before))}
	case f.Text != "":
		return []span{text(f.Label + ":")}
	}
	return []span{text(f.Label + ": " + shortValue(f.Before)), {dim, " → "}, text(shortValue(f.After))}
}

func (p *printer) hunks(body string) {
	styles := map[byte]style{'+': green, '-': red, '@': dim, '\\': dim}
	lines := strings.Split(body, "\n")
	for i, l := range lines {
		if i == maxHunks {
			p.line(fieldIndent+2, span{dim, "… " + count(len(lines)-i, "more line")})
			return
		}
		st := plain
		if l != "" {
			st = styles[l[0]]
		}
		p.line(fieldIndent+2, span{st, shortValue(l)})
	}
}

// refusal writes why the server refuses an object: each cause at its place, or
// the message as a whole where the server gives no causes.
func (p *printer) refusal(c diff.Change) {
	gutter := 1
	if len(c.Error.Causes) == 0 {
		if !strings.Contains(p.said, c.Error.Message) {
			p.paragraph(fieldIndent, fieldIndent, nil, text(shortMessage(c.Error.Message)))
		}
		about := subject{object: c.Object}
		if _, ok := p.sourceLine(c.Pos, about); ok { // else the place is in the line of the object already
			gutter = p.place(fieldIndent, c.Pos, about)
		}
	}
	for i, cause := range c.Error.Causes {
		if i == maxShownCauses {
			p.line(fieldIndent, span{dim, "… " + count(len(c.Error.Causes)-i, "more cause")})
			break
		}
		p.paragraph(fieldIndent, fieldIndent+2, []span{{bold, fieldHead(cause.Field)}}, text(shortCause(cause)))
		gutter = p.place(fieldIndent, cause.Pos, subject{c.Object, pointerOf(cause.Field)})
	}
	if c.Error.Hint != "" {
		p.note(fieldIndent, gutter, "help", c.Error.Hint)
	}
}

// shortCause is a cause without the middle of a long value, where its place
// shows what is meant.
func shortCause(c diff.Cause) string {
	if c.Pos.Line > 0 {
		return shorten(c.Message, maxCause)
	}
	return shortMessage(c.Message)
}

func fieldHead(field string) string {
	if field == "" {
		return ""
	}
	return field + ": "
}

// pointerOf tells the first member of a field as servers write it: spec.ports[0].
func pointerOf(field string) string {
	member, _, _ := strings.Cut(field, ".")
	member, _, _ = strings.Cut(member, "[")
	return fmt.Sprintf("/%s", member)
}
