package report

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// style is the parameter of an ANSI escape sequence.
type style string

// The styles.
const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
	blue   style = "1;34"
)

// span is a stretch of text in one style.
type span struct {
	style style
	text  string
}

func text(s string) span { return span{plain, s} }

// printer writes lines. Whatever it is given is made harmless: nothing in a
// repository can move the cursor, hide text or give orders to a CI system.
type printer struct {
	out *bufio.Writer
	Options
	said   string                            // what Flux says about the owner whose objects are written
	stated map[finding.Ref][]finding.Finding // errors in what an owner of the cluster builds
}

func newPrinter(w io.Writer, o Options) *printer {
	return &printer{out: bufio.NewWriter(w), Options: o}
}

// line writes one line of spans, indented.
func (p *printer) line(indent int, spans ...span) {
	if len(spans) == 0 {
		p.out.WriteByte('\n')
		return
	}
	var whole strings.Builder
	cleaned := make([]span, len(spans))
	for i, s := range spans {
		cleaned[i] = span{s.style, clean(s.text)}
		whole.WriteString(cleaned[i].text)
	}
	p.out.WriteString(strings.Repeat(" ", indent))
	if orders(whole.String()) {
		p.out.WriteByte('\\')
	}
	for _, s := range cleaned {
		p.styled(s)
	}
	p.out.WriteByte('\n')
}

func (p *printer) styled(s span) {
	if !p.Colour || s.style == plain || s.text == "" {
		p.out.WriteString(s.text)
		return
	}
	p.out.WriteString("\x1b[" + string(s.style) + "m" + s.text + "\x1b[0m")
}

// paragraph writes a head and a text after it, wrapped so that further lines
// start in column hang.
func (p *printer) paragraph(indent, hang int, head []span, body span) {
	used := indent
	for _, s := range head {
		used += columns(clean(s.text))
	}
	first := 0
	if p.Width > 0 {
		first = max(p.Width-used, 1)
	}
	for i, l := range wrap(body.text, first, p.Width-hang) {
		if i == 0 {
			p.line(indent, append(head[:len(head):len(head)], span{body.style, l})...)
			continue
		}
		p.line(hang, span{body.style, l})
	}
}

// wrap breaks a text at its line ends, and at spaces so that lines fit. The
// first line has its own width; first 0 means never to wrap.
func wrap(s string, first, rest int) []string {
	var out []string
	for _, l := range strings.Split(strings.Trim(s, "\r\n"), "\n") {
		l = strings.TrimRight(l, "\r")
		if first <= 0 {
			out = append(out, l)
			continue
		}
		room := max(rest, 20)
		if len(out) == 0 {
			room = first
		}
		lead := l[:len(l)-len(strings.TrimLeft(l, " "))]
		current := lead
		for i, word := range strings.Fields(l) {
			if i > 0 && columns(current)+1+columns(word) > room {
				out = append(out, current)
				current, room = lead+word, max(rest, 20)
				continue
			}
			if i > 0 {
				current += " "
			}
			current += word
		}
		out = append(out, current)
	}
	return out
}

// logOrder is what Azure Pipelines, TeamCity and older GitHub runners take for
// an order anywhere in a line.
var logOrder = regexp.MustCompile(`##(\w*)\[`)

// orders reports whether a GitHub runner would take the line for an order.
func orders(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "::") }

// clean makes control characters, invalid bytes and characters that turn the
// direction of writing or have no width visible.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	if strings.Contains(s, "##") {
		s = logOrder.ReplaceAllString(s, `#\#$1[`)
	}
	if !strings.ContainsFunc(s, hostile) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(0x100|uint64(s[0]), 16)[1:])
		case hostile(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

func hostile(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// columns is the width of a text in a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// The longest values and messages that text shows; JSON has them whole.
const (
	maxValue   = 160
	maxMessage = 600
	maxCause   = 300 // of a cause whose place is shown
)

// shortValue cuts the end of a long value.
func shortValue(s string) string {
	n := utf8.RuneCountInString(s)
	if n <= maxValue {
		return s
	}
	return string([]rune(s)[:maxValue]) + "… (" + count(n-maxValue, "more character") + ")"
}

// shortMessage cuts the middle of a long message: servers quote values in it and
// say at the end what is wrong.
func shortMessage(s string) string { return shorten(s, maxMessage) }

// shorten cuts the middle of a text that is longer than most characters.
func shorten(s string, most int) string {
	runes := []rune(strings.TrimSpace(s))
	if len(runes) <= most {
		return string(runes)
	}
	start, end := most/2, len(runes)-most/2
	return string(runes[:start]) + " … (" + count(end-start, "more character") + ") … " + string(runes[end:])
}

// count writes a number with its noun.
func count(n int, noun string) string { return strconv.Itoa(n) + " " + plural(n, noun) }

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return noun
}
