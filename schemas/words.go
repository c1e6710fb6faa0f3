package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/internal/spelling"
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
	return spelling.Nearest(text, names)
}
