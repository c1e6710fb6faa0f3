package release

import (
	"slices"
	"strings"
)

// worded is an error as the controller prints it, but that what the values
// schemas of a chart refuse, which Helm lists in the order of a map, is sorted.
func worded(err error) string {
	return strings.Join(sortViolations(strings.Split(strings.TrimSpace(err.Error()), "\n")), "\n")
}

// sortViolations sorts lines that say at which value a schema is not met, each
// with the lines below it that are indented deeper. Others stay where they are.
func sortViolations(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		depth := indent(lines[i])
		var list []string
		for i < len(lines) && indent(lines[i]) == depth && strings.HasPrefix(lines[i][depth:], "- at '") {
			end := i + 1
			for end < len(lines) && indent(lines[end]) > depth {
				end++
			}
			list = append(list, strings.Join(slices.Concat(lines[i:i+1], sortViolations(lines[i+1:end])), "\n"))
			i = end
		}
		if list == nil {
			list = lines[i : i+1]
			i++
		}
		out = append(out, slices.Sorted(slices.Values(list))...)
	}
	return out
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
