package repo

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// text knows the lines of a file. YAML counts more characters as line breaks
// than editors and git do; text translates from the first to the second.
type text struct {
	data   []byte
	starts []int // offset of each line as editors count them
	yaml   []int // offset of each line as YAML counts them, nil when that is the same
}

func newText(data []byte) text {
	t := text{data: data, starts: []int{0}}
	for i, c := range data {
		if c == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	if hasOddBreaks(data) {
		t.yaml = yamlLines(data)
	}
	return t
}

func hasOddBreaks(data []byte) bool {
	for rest := data; ; {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 {
			break
		}
		if i+1 == len(rest) || rest[i+1] != '\n' {
			return true
		}
		rest = rest[i+1:]
	}
	return bytes.Contains(data, []byte("\u0085")) || bytes.Contains(data, []byte("\u2028")) ||
		bytes.Contains(data, []byte("\u2029"))
}

func yamlLines(data []byte) []int {
	starts := []int{0}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		i += n
		switch r {
		case '\r':
			if i < len(data) && data[i] == '\n' {
				i++
			}
			starts = append(starts, i)
		case '\n', '\u0085', '\u2028', '\u2029':
			starts = append(starts, i)
		}
	}
	return starts
}

// yamlLine returns the number, from 0, of the line as YAML counts them that the
// offset lies in.
func (t text) yamlLine(offset int) int {
	starts := t.starts
	if t.yaml != nil {
		starts = t.yaml
	}
	return sort.SearchInts(starts, offset+1) - 1
}

// translate turns a place as YAML counts it into one as editors count it.
func (t text) translate(line, col int) (int, int) {
	if t.yaml == nil || line < 1 || line > len(t.yaml) {
		return t.clamp(line, col)
	}
	offset := t.yaml[line-1]
	for i := 1; i < col && offset < len(t.data); i++ {
		_, n := utf8.DecodeRune(t.data[offset:])
		offset += n
	}
	return t.place(offset)
}

// place returns line and column, from 1, of an offset.
func (t text) place(offset int) (line, col int) {
	offset = min(max(offset, 0), len(t.data))
	line = sort.SearchInts(t.starts, offset+1)
	return line, 1 + utf8.RuneCount(t.data[t.starts[line-1]:offset])
}

// clamp keeps a place within the file.
func (t text) clamp(line, col int) (int, int) {
	if len(t.starts) == 0 {
		return 1, 1
	}
	line = min(max(line, 1), len(t.starts))
	return line, min(max(col, 1), utf8.RuneCount(t.line(line))+1)
}

// line returns the text of a line without its line break.
func (t text) line(n int) []byte {
	end := len(t.data)
	if n < len(t.starts) {
		end = t.starts[n] - 1
	}
	return bytes.TrimSuffix(t.data[t.starts[n-1]:end], []byte("\r"))
}
