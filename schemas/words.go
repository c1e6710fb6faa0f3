package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shown prints a value as it may stand in YAML, shortened.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		if runes := []rune(value); len(runes) > 60 {
			value = string(runes[:57]) + "..."
		}
		return strconv.Quote(value)
	case map[string]any, []any:
		return "this value"
	}
	return fmt.Sprint(value)
}

func shownList(values any) string {
	list, _ := values.([]any)
	var words []string
	for _, value := range list {
		if value != nil {
			words = append(words, shown(value))
		}
	}
	return strings.Join(words, ", ")
}

// typeWords names the type of a value, with its article.
func typeWords(value any) string {
	switch value.(type) {
	case nil:
		return "not allowed"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case int64, int, json.Number:
		return "an integer"
	}
	return "a number"
}

// wantedTypes names the types that a schema allows.
func wantedTypes(want any) string {
	return strings.Join(typeNames(want, func(name string) string {
		if name == "array" {
			return "list"
		}
		return name
	}), " or ")
}

// typeNames returns the types of the keyword "type", without null.
func typeNames(want any, word func(string) string) []string {
	list, ok := want.([]any)
	if !ok {
		list = []any{want}
	}
	var names []string
	for _, item := range list {
		if name, _ := item.(string); name != "" && name != "null" {
			names = append(names, word(name))
		}
	}
	return names
}

// converted returns a value as a wanted type, as it is written in YAML; empty
// if that would be a guess.
func converted(value, want any) string {
	names := typeNames(want, func(name string) string { return name })
	wanted := func(name string) bool { return slices.Contains(names, name) }
	switch value := value.(type) {
	case string:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && (wanted("integer") || wanted("number")) {
			return strconv.FormatInt(n, 10)
		}
		if b, err := strconv.ParseBool(value); err == nil && len(value) > 1 && wanted("boolean") {
			return strconv.FormatBool(b)
		}
		if wanted("array") {
			return "[" + strconv.Quote(value) + "]"
		}
	case bool, int64, float64:
		if wanted("string") {
			return strconv.Quote(fmt.Sprint(value))
		}
	}
	return ""
}

// nearestValue returns the allowed value that is most like the given one.
func nearestValue(value, allowed any) string {
	text, ok := value.(string)
	if !ok {
		return ""
	}
	list, _ := allowed.([]any)
	var names []string
	for _, item := range list {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return nearest(text, names)
}

// nearest returns the name that is most like the given one: the same but for
// case, else the one with the fewest edits, at most a third of its length.
func nearest(name string, names []string) string {
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
