package simulate

import (
	"regexp"
	"slices"
	"strings"

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
	slices.SortStableFunc(out, func(a, b diff.Cause) int { return strings.Compare(a.Field, b.Field) })
	if m := nowhere.FindStringSubmatch(message); len(out) == 0 && m != nil && m[1] == o.GetNamespace() {
		out = append(out, diff.Cause{Field: "metadata.namespace", Message: m[0], Pos: o.At("/metadata/namespace")})
	}
	return out
}

func isSecret(ref finding.Ref) bool { return ref.Group == "" && ref.Kind == "Secret" }
