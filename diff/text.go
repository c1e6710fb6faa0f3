package diff

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// canonical is a text that is equal for equal values. A whole number is the
// same whether it is an integer or a float.
func canonical(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	data, err := json.Marshal(v)
	if err != nil { // .nan and .inf, which JSON does not have
		return fmt.Sprintf("%#v", v)
	}
	return string(data)
}

func canonicals(items []any) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = canonical(item)
	}
	return out
}

// compact writes a value as YAML on one line.
func compact(v any) string {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "\n") {
		n.Style = yaml.DoubleQuotedStyle
	}
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		n.Style = yaml.FlowStyle
	}
	data, err := yaml.Marshal(&n)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimRight(string(data), "\n")
}

// severalLines reports whether a text is better shown line by line.
func severalLines(s string) bool { return strings.Contains(strings.TrimSuffix(s, "\n"), "\n") }

// contextLines is how many equal lines are shown around changed ones.
const contextLines = 1

// hunks writes the changed lines of a text in the unified format.
func hunks(before, after string) string {
	old, new := lines(before), lines(after)
	var b strings.Builder
	all := gaps(old, new)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].before-all[n-1].beforeEnd <= 2*contextLines {
			n++
		}
		writeHunk(&b, [2][]string{old, new}, all[:n])
		all = all[n:]
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func writeHunk(b *strings.Builder, texts [2][]string, gaps []gap) {
	old, new := texts[0], texts[1]
	first, last := gaps[0], gaps[len(gaps)-1]
	lead := min(contextLines, first.before)
	tail := min(contextLines, len(old)-last.beforeEnd)
	fmt.Fprintf(b, "@@ -%s +%s @@\n", extent(first.before-lead, last.beforeEnd+tail), extent(first.after-lead, last.afterEnd+tail))
	at := first.before - lead
	for _, g := range gaps {
		writeLines(b, " ", old[at:g.before])
		writeLines(b, "-", old[g.before:g.beforeEnd])
		writeLines(b, "+", new[g.after:g.afterEnd])
		at = g.beforeEnd
	}
	writeLines(b, " ", old[at:at+tail])
}

// extent is the first line and the number of lines, as unified hunks write them.
func extent(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func writeLines(b *strings.Builder, mark string, lines []string) {
	for _, line := range lines {
		b.WriteString(mark + line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\n\\ No newline at the end\n")
		}
	}
}

// lines splits a text and keeps the line ends, so that a missing last one counts.
func lines(s string) []string {
	out := strings.SplitAfter(s, "\n")
	if out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}
