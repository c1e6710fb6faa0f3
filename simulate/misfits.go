package simulate

import (
	"cmp"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// What the server says of a whole object, one field a line, without a structured
// form: .spec.size: field not declared in schema.
var (
	misfit    = regexp.MustCompile(`(?:^|\s)\.((?:[^\s:\[]|\[[^\]]*\])+): (field not declared in schema|duplicate entries for key [^\n]*|expected [^\n]*, got [^\n]*)`)
	got       = regexp.MustCompile(`, got &value\.valueUnstructured\{Value:(.*)\}$`)
	nowhere   = regexp.MustCompile(`namespaces "([^"]+)" not found`)
	unknownIn = "field not declared in schema"
)

// misfits are the causes of an error that names its fields in its text only.
func misfits(o *render.Object, message string) []diff.Cause {
	var out []diff.Cause
	for _, m := range misfit.FindAllStringSubmatch(message, -1) {
		c := diff.Cause{Field: m[1], Message: got.ReplaceAllString(m[2], ", got $1")}
		if isSecret(o.Ref()) {
			c.Message, _, _ = strings.Cut(m[2], ", got ")
		}
		if c.Pos = o.At(pointerTo(o, c.Field)); c.Message == unknownIn {
			c.Pos = o.KeyAt(pointerTo(o, c.Field))
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b diff.Cause) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Message, b.Message))
	})
	out = slices.Compact(out)
	if m := nowhere.FindStringSubmatch(message); len(out) == 0 && m != nil && m[1] == o.GetNamespace() {
		out = append(out, diff.Cause{Field: "metadata.namespace", Message: m[0], Pos: o.At("/metadata/namespace")})
	}
	if len(out) == 0 {
		out = unreadable(o, message)
	}
	return out
}

// unreadable are the values that the server cannot read, where it says how a
// value is wrong, but not which one.
func unreadable(o *render.Object, message string) []diff.Cause {
	wrong := func([]string, string) error { return nil }
	switch {
	case strings.Contains(message, "illegal base64 data") && isSecret(o.Ref()):
		wrong = func(path []string, value string) error {
			if path[0] != "data" {
				return nil
			}
			_, err := base64.StdEncoding.DecodeString(value)
			return err
		}
	case strings.Contains(message, resource.ErrFormatWrong.Error()), strings.Contains(message, resource.ErrSuffix.Error()), strings.Contains(message, resource.ErrNumeric.Error()):
		wrong = func(path []string, value string) error {
			if !slices.ContainsFunc(path, func(p string) bool { return slices.Contains(quantities, p) }) {
				return nil
			}
			_, err := resource.ParseQuantity(value)
			return err
		}
	}
	var out []diff.Cause
	leaves(o.Object, nil, func(path []string, value string) {
		if err := wrong(path, value); err != nil {
			out = append(out, diff.Cause{Field: dotted(path), Message: err.Error(), Pos: o.At(finding.Pointer(path...))})
		}
	})
	return out
}

// quantities are the fields of built-in kinds that are quantities, or that are
// above them.
var quantities = []string{"requests", "limits", "hard", "min", "max", "default", "defaultRequest", "maxLimitRequestRatio", "capacity", "overhead",
	"sizeLimit", "divisor", "averageValue", "podFixed"}

// leaves visits the texts of a value, sorted by key.
func leaves(v any, path []string, visit func(path []string, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			leaves(v[k], append(path[:len(path):len(path)], k), visit)
		}
	case []any:
		for i, item := range v {
			leaves(item, append(path[:len(path):len(path)], strconv.Itoa(i)), visit)
		}
	case string:
		visit(path, v)
	}
}

// dotted writes a path as the server does: spec.ports[0].port.
func dotted(path []string) string {
	out := path[0]
	for _, p := range path[1:] {
		switch _, err := strconv.Atoi(p); {
		case err == nil:
			out += "[" + p + "]"
		case strings.ContainsAny(p, "./"):
			out += "[" + p + "]"
		default:
			out += "." + p
		}
	}
	return out
}

func isSecret(ref finding.Ref) bool { return ref.Group == "" && ref.Kind == "Secret" }
