package repo

import (
	"bytes"
	"sort"
)

// searchBytes bounds the bytes parsed again to find the mistakes of one file.
const searchBytes = 8 << 20

// search finds the line that breaks a document: the longest run of whole lines
// that still parses ends before it. An unclosed bracket or quote is found where
// it opens. The YAML library often names the start of the surrounding block.
type search struct {
	data   []byte
	ends   []int // offset after each line
	budget *int
}

// mistake returns the offset of the first character of the broken line. The
// hint is the line, from 1, that the YAML library names, 0 for none.
func mistake(data []byte, hint int, budget *int) int {
	s := search{data: data, ends: lineEnds(data), budget: budget}
	low, high := 0, len(s.ends) // low lines parse; high lines do not
	if hint = min(hint, high) - 1; hint > 0 && s.parses(hint) {
		low = hint
	}
	for s.affords(high) && high-low > 1 {
		low = s.longest(low, high)
		next := s.longer(low+2, high)
		if next < 0 {
			break
		}
		low = next
	}
	if !s.affords(1) && hint > low {
		low = hint
	}
	start := 0
	if low > 0 {
		start = s.ends[low-1]
	}
	line := data[min(start, len(data)):]
	return start + len(line) - len(bytes.TrimLeft(line, " \t\r\n"))
}

// affords reports whether the budget lasts to parse that many lines.
func (s search) affords(lines int) bool {
	return lines > 0 && lines <= len(s.ends) && s.ends[lines-1] <= *s.budget
}

func (s search) parses(lines int) bool {
	if lines == 0 {
		return true
	}
	if !s.affords(lines) {
		return false
	}
	*s.budget -= s.ends[lines-1]
	_, err := decode(s.data[:s.ends[lines-1]])
	return err == nil
}

// longest finds a number of lines in [low, high) that parses while one more
// does not, in steps that grow from low and then shrink.
func (s search) longest(low, high int) int {
	step := 1
	for low+step < high && s.parses(low+step) {
		low += step
		step *= 2
	}
	high = min(high, low+step)
	return low + sort.Search(high-low-1, func(i int) bool { return !s.parses(low + 1 + i) })
}

// longer returns the first number of lines in [from, to) that parses, or -1: a
// bracket or quote that spans lines only looks broken before it closes.
func (s search) longer(from, to int) int {
	for lines := from; lines < to && s.affords(lines); lines++ {
		if s.parses(lines) {
			return lines
		}
	}
	return -1
}

func lineEnds(data []byte) []int {
	var ends []int
	for pos := 0; pos < len(data); {
		i := bytes.IndexByte(data[pos:], '\n')
		if i < 0 {
			return append(ends, len(data))
		}
		pos += i + 1
		ends = append(ends, pos)
	}
	return ends
}
