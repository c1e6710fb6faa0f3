package schemas

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// nameViolations reports an object that can't be stored for want of a name.
func nameViolations(object map[string]any, kind string) []Violation {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok && object["metadata"] != nil {
		return nil
	}
	for _, field := range []string{"name", "generateName"} {
		if value, present := metadata[field]; present && value != nil && value != "" {
			return nil
		}
	}
	return []Violation{{
		Pointer: "/metadata", Kind: KindRequired, Field: "name",
		Message: kind + `.metadata lacks the required field "name"`,
	}}
}

const labelValueWords = ` is no valid label value, want at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends`

// metadataViolations checks the syntax of labels and annotations.
func metadataViolations(metadata map[string]any, kind string, at path) []Violation {
	var found []Violation
	for _, field := range []string{"annotations", "labels"} {
		entries, _ := metadata[field].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			place := at.field(field).field(key)
			// The API server compares annotation keys in lower case.
			name := key
			if field == "annotations" {
				name = strings.ToLower(key)
			}
			if reasons := validation.IsQualifiedName(name); len(reasons) > 0 {
				found = append(found, Violation{Pointer: place.pointer(), Kind: KindPattern,
					Message: fmt.Sprintf("%q is no valid key in %s, want a name such as \"app\" or \"example.com/app\"", key, at.field(field).words(kind))})
			}
			value, ok := entries[key].(string)
			if field == "annotations" || !ok {
				continue
			}
			if reasons := validation.IsValidLabelValue(value); len(reasons) > 0 {
				found = append(found, Violation{Pointer: place.pointer(), Kind: KindPattern,
					Message: shown(value) + labelValueWords})
			}
		}
	}
	return found
}
