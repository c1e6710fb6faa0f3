// Package spelling finds the name that is meant by one that does not exist.
package spelling

import "strings"

// Nearest returns the name that is most like the given one: the same but for
// case, else the one with the fewest edits, at most a third of its length.
func Nearest(name string, names []string) string {
	best, bestEdits := "", len(name)/3+1
	if len(name) < 3 || len(name) > longestName {
		bestEdits = 0
	}
	for _, candidate := range names {
		if strings.EqualFold(candidate, name) {
			return candidate
		}
		if len(candidate) > longestName || max(len(candidate)-len(name), len(name)-len(candidate)) >= bestEdits {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < bestEdits {
			best, bestEdits = candidate, d
		}
	}
	return best
}

// longestName bounds the cost of comparing names that a stranger chose.
const longestName = 80

// edits counts insertions, deletions, replacements and swaps of neighbours.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
