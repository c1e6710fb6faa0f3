package diff

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// What stands for a secret value. Neither its length nor a digest of it is
// shown: both help to guess it.
const (
	mask        = "***"
	maskChanged = "*** (changed)"
)

// lastApplied ends the name of the annotation in which kubectl keeps a copy of
// the whole object.
const lastApplied = "last-applied-configuration"

// Mask returns the object with the values of a Secret, and what stands at the
// hidden pointers, replaced by "***", for printing. Other objects are returned
// as they are; the result must not be changed.
func Mask(obj map[string]any, hidden ...string) map[string]any {
	w := &walk{secret: isSecret(obj), pointers: hidden}
	if !w.secret && len(hidden) == 0 {
		return obj
	}
	masked, _ := w.maskAt(nil, obj).(map[string]any)
	return masked
}

func isSecret(obj map[string]any) bool {
	kind, _ := obj["kind"].(string)
	return kind == "Secret"
}

// hidden reports whether the value at a place of a Secret must not be shown.
func (w *walk) hidden(at place) bool { return w.hiddenAt(at.tokens) }

func (w *walk) hiddenAt(tokens []string) bool {
	return w.secret && secretAt(tokens) || len(w.pointers) > 0 && slices.Contains(w.pointers, finding.Pointer(tokens...))
}

// public are the members of a Secret that are no secret. A misspelt "stringData"
// is one.
var public = []string{"apiVersion", "kind", "metadata", "type", "immutable"}

func secretAt(tokens []string) bool {
	if len(tokens) > 0 && !slices.Contains(public, tokens[0]) {
		return true
	}
	return len(tokens) > 2 && tokens[0] == "metadata" && tokens[1] == "annotations" && strings.HasSuffix(tokens[2], lastApplied)
}

// maskAt replaces every secret value inside the value at a place. Names of
// members stay: they are what a person looks for.
func (w *walk) maskAt(tokens []string, v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := maps.Clone(x)
		for name, member := range x {
			out[name] = w.maskAt(append(tokens[:len(tokens):len(tokens)], name), member)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = w.maskAt(append(tokens[:len(tokens):len(tokens)], strconv.Itoa(i)), item)
		}
		return out
	}
	if w.hiddenAt(tokens) {
		return mask
	}
	return v
}
