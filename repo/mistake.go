package repo

import (
	"bytes"
	"sort"
)

// searchBytes bounds the bytes parsed again to find the place of one mistake.
const searchBytes = 8 << 20

// mistake returns the offset of the first character of the line that breaks a
// document: the longest run of whole lines that still parses ends before it. An
// unclosed bracket or quote is found where it opens. The YAML library names the
// start of the surrounding block instead.
func mistake(data []byte) int {
	ends := lineEnds(data)
	budget := searchBytes
	parses := func(lines int) bool {
		if lines == 0 {
			return true
		}
		budget -= ends[lines-1]
		_, err := decode(data[:ends[lines-1]])
		return err == nil
	}
	low, high := 0, len(ends) // low lines parse; high lines do not
	for budget > 0 && high-low > 1 {
		n := sort.Search(high-low-1, func(i int) bool { return budget <= 0 || !parses(low+1+i) })
		low += n
		next := longer(low+2, high, func(lines int) bool { return budget > 0 && parses(lines) })
		if next < 0 {
			break
		}
		low = next
	}
	start := 0
	if low > 0 {
		start = ends[low-1]
	}
	line := data[min(start, len(data)):]
	return start + len(line) - len(bytes.TrimLeft(line, " \t\r\n"))
}

// longer returns the first number of lines in [from, to) that parses, or -1: a
// bracket or quote that spans lines only looks broken before it closes.
func longer(from, to int, parses func(int) bool) int {
	for lines := from; lines < to; lines++ {
		if parses(lines) {
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
