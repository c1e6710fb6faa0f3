package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// subject is what an excerpt is about: it decides whether the line may be shown.
type subject struct {
	object finding.Ref
	field  string // JSON pointer, empty where the line is not known to be of one field
}

// publicFields are the members of a Secret whose lines may be shown.
var publicFields = regexp.MustCompile(`^/(apiVersion|kind|metadata|type|immutable)(/|$)`)

// secretInside finds a Secret in a file.
var secretInside = regexp.MustCompile(`(?m)^\s*["']?kind["']?\s*:\s*["']?Secret\b`)

// shows reports whether a line about the subject holds no secret value.
func (s subject) shows(data []byte) bool {
	if s.object.Kind == "Secret" {
		return publicFields.MatchString(s.field)
	}
	return !s.object.IsZero() || !secretInside.Match(data)
}

// place writes where something is, and the line there with a mark under the
// value. It returns the width of the gutter, for what is written below.
func (p *printer) place(indent int, pos finding.Position, about subject) int {
	if pos.IsZero() {
		return 1
	}
	line, ok := p.sourceLine(pos, about)
	gutter := len(strconv.Itoa(max(pos.Line, 1)))
	arrow := []span{{blue, strings.Repeat(" ", gutter) + "--> "}, text(pos.String())}
	if pos.Precision == finding.PrecisionOwner {
		arrow = append(arrow, span{dim, " (the owner)"})
	}
	p.line(indent, arrow...)
	if !ok {
		return gutter
	}
	bar := span{blue, strings.Repeat(" ", gutter) + " |"}
	shown, pad, marks := window(line, pos)
	p.line(indent, bar)
	p.line(indent, span{blue, strconv.Itoa(pos.Line) + " | "}, text(shown))
	p.line(indent, bar, text(" "+strings.Repeat(" ", pad)), span{red, strings.Repeat("^", marks)})
	return gutter
}

// sourceLine is the line of a position that names a value, if it may be shown.
func (p *printer) sourceLine(pos finding.Position, about subject) (string, bool) {
	switch pos.Precision {
	case finding.PrecisionDocument, finding.PrecisionFile, finding.PrecisionOwner:
		return "", false
	}
	if p.Source == nil || pos.Line < 1 {
		return "", false
	}
	data, ok := p.Source(pos.File)
	if !ok || !about.shows(data) {
		return "", false
	}
	for n := 1; n < pos.Line; n++ {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return "", false
		}
		data = data[end+1:]
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return strings.TrimRight(string(line), " \t\r"), true
}

// maxExcerpt is the number of columns of a source line that are shown.
const maxExcerpt = 110

// window cuts a source line around the marked value. It returns what is shown,
// how many columns come before the mark, and how many are marked.
func window(line string, pos finding.Position) (shown string, pad, marks int) {
	runes := []rune(line)
	from := min(max(pos.Col-1, 0), len(runes))
	to := min(from+1, len(runes))
	switch {
	case pos.EndLine > pos.Line:
		to = len(runes)
	case pos.EndCol > pos.Col:
		to = min(pos.EndCol-1, len(runes))
	}
	before, marked, after := clean(string(runes[:from])), clean(string(runes[from:to])), clean(string(runes[to:]))
	marked, cut := head(marked, maxExcerpt*2/3)
	if cut {
		after = ""
	}
	if room := maxExcerpt - columns(marked); columns(before)+columns(after) > room {
		before = tail(before, room*2/3)
		after, _ = head(after, room-columns(before))
	}
	return before + marked + after, columns(before), max(columns(marked), 1)
}

// head keeps the start of a text and says whether it was cut.
func head(s string, room int) (string, bool) {
	if columns(s) <= room {
		return s, false
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n >= room {
			return s[:i] + "…", true
		}
	}
	return s, false
}

// tail keeps the end of a text.
func tail(s string, room int) string {
	if columns(s) <= room {
		return s
	}
	runes := []rune(s)
	n, i := 0, len(runes)
	for i > 0 && n+runeColumns(runes[i-1]) < room {
		i--
		n += runeColumns(runes[i])
	}
	return "…" + string(runes[i:])
}

// note writes a line like "= help: what to type" under an excerpt.
func (p *printer) note(indent, gutter int, label, body string) {
	mark := fmt.Sprintf("%s= ", strings.Repeat(" ", gutter+1))
	head := []span{{blue, mark}}
	if label != "" {
		head = append(head, span{bold, label + ": "})
	}
	hang := indent + gutter + 3
	if label != "" {
		hang += len(label) + 2
	}
	p.paragraph(indent, hang, head, text(shortMessage(body)))
}
