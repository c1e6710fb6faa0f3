package diff

// gap is a stretch in which two sequences differ: before[before:beforeEnd] was
// replaced by after[after:afterEnd]; either may be empty, not both.
type gap struct{ before, beforeEnd, after, afterEnd int }

// tableLimit bounds the work of an exact alignment; longer stretches are first
// cut at the words that are unique in both sequences.
const tableLimit = 1 << 20

// gaps aligns two sequences by their longest common subsequence and returns
// where they differ, in order. The same input always gives the same gaps, which
// is why go-cmp's edit scripts, random by intent, are not used.
func gaps(before, after []string) []gap {
	s := sequences{before, after}
	return s.gaps(gap{0, len(before), 0, len(after)}, nil)
}

type sequences struct{ before, after []string }

func (s sequences) gaps(g gap, out []gap) []gap {
	g = s.trim(g)
	n, m := g.beforeEnd-g.before, g.afterEnd-g.after
	switch {
	case n == 0 && m == 0:
		return out
	case n == 0 || m == 0:
		return append(out, g)
	case n <= tableLimit/m:
		return between(g, s.table(g), out)
	}
	anchors := s.anchors(g)
	if len(anchors) == 0 {
		return append(out, g)
	}
	for _, a := range append(anchors, [2]int{g.beforeEnd, g.afterEnd}) {
		out = s.gaps(gap{g.before, a[0], g.after, a[1]}, out)
		g.before, g.after = a[0]+1, a[1]+1
	}
	return out
}

// trim drops the common start and the common end.
func (s sequences) trim(g gap) gap {
	for g.before < g.beforeEnd && g.after < g.afterEnd && s.before[g.before] == s.after[g.after] {
		g.before++
		g.after++
	}
	for g.before < g.beforeEnd && g.after < g.afterEnd && s.before[g.beforeEnd-1] == s.after[g.afterEnd-1] {
		g.beforeEnd--
		g.afterEnd--
	}
	return g
}

// between turns matches into the gaps around them.
func between(g gap, matches [][2]int, out []gap) []gap {
	for _, m := range append(matches, [2]int{g.beforeEnd, g.afterEnd}) {
		if g.before < m[0] || g.after < m[1] {
			out = append(out, gap{g.before, m[0], g.after, m[1]})
		}
		g.before, g.after = m[0]+1, m[1]+1
	}
	return out
}

// table finds a longest common subsequence of a stretch, exactly.
func (s sequences) table(g gap) [][2]int {
	n, m := g.beforeEnd-g.before, g.afterEnd-g.after
	length := make([][]int32, n+1)
	for i := range length {
		length[i] = make([]int32, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if s.before[g.before+i] == s.after[g.after+j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var matches [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case s.before[g.before+i] == s.after[g.after+j]:
			matches = append(matches, [2]int{g.before + i, g.after + j})
			i++
			j++
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return matches
}

// anchors finds words that are unique on both sides of a stretch and come in
// the same order, as many as possible.
func (s sequences) anchors(g gap) [][2]int {
	where := make(map[string]int, g.afterEnd-g.after)
	for j := g.after; j < g.afterEnd; j++ {
		if _, twice := where[s.after[j]]; twice {
			where[s.after[j]] = -1
		} else {
			where[s.after[j]] = j
		}
	}
	count := make(map[string]int, g.beforeEnd-g.before)
	for i := g.before; i < g.beforeEnd; i++ {
		count[s.before[i]]++
	}
	var pairs [][2]int
	for i := g.before; i < g.beforeEnd; i++ {
		if j, ok := where[s.before[i]]; ok && j >= 0 && count[s.before[i]] == 1 {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	return increasing(pairs)
}

// increasing is the longest subsequence of pairs, sorted by their first number,
// whose second numbers increase.
func increasing(pairs [][2]int) [][2]int {
	var ends []int // ends[k]: the pair with the smallest second number that ends a run of k+1
	from := make([]int, len(pairs))
	for i, p := range pairs {
		low, high := 0, len(ends)
		for low < high {
			if mid := (low + high) / 2; pairs[ends[mid]][1] < p[1] {
				low = mid + 1
			} else {
				high = mid
			}
		}
		from[i] = -1
		if low > 0 {
			from[i] = ends[low-1]
		}
		if low == len(ends) {
			ends = append(ends, i)
		} else {
			ends[low] = i
		}
	}
	out := make([][2]int, len(ends))
	at := -1
	if len(ends) > 0 {
		at = ends[len(ends)-1]
	}
	for k := len(out) - 1; k >= 0; k-- {
		out[k] = pairs[at]
		at = from[at]
	}
	return out
}
