package simulate

import (
	"regexp"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// placeByCause gives the fields of a release's objects the place of the field of
// the HelmRelease that becomes another one in the same way in the same step,
// where that is one only. Charts have no lines of their own here.
func placeByCause(changes []diff.Change) {
	specs := map[finding.Ref][]diff.Field{}
	for _, c := range changes {
		if groupKind(c.Object) != helmReleaseKind || c.Action != diff.Update {
			continue
		}
		for _, f := range c.Fields {
			if strings.HasPrefix(f.Pointer, "/spec/") && f.Kind == diff.Changed && f.Text == "" && !f.Pos.IsZero() {
				specs[c.Object] = append(specs[c.Object], f)
			}
		}
	}
	for _, c := range changes {
		for i, f := range c.Fields {
			if f.Pos != c.Pos && !f.Pos.IsZero() {
				continue
			}
			if pos := causeOf(f, specs[c.Owner]); !pos.IsZero() {
				c.Fields[i].Pos = pos
			}
		}
	}
}

// causeOf is the place of the only field that turns what is in the text of
// another one before into what is in it after, zero for none.
func causeOf(f diff.Field, specs []diff.Field) finding.Position {
	var out finding.Position
	for _, s := range specs {
		if !turns(s, f) {
			continue
		}
		if !out.IsZero() {
			return finding.Position{}
		}
		out = s.Pos
	}
	return out
}

// turns reports whether the text of a field differs in the values of another
// one, and in nothing else. Masked values tell nothing.
func turns(cause, f diff.Field) bool {
	was, is := strings.Trim(cause.Before, `"`), strings.Trim(cause.After, `"`)
	if f.Kind != diff.Changed || f.Text != "" || was == "" || strings.Contains(was, "***") {
		return false
	}
	word, err := regexp.Compile(`(^|[^A-Za-z0-9])` + regexp.QuoteMeta(was) + `($|[^A-Za-z0-9])`)
	if err != nil || !word.MatchString(f.Before) {
		return false
	}
	return word.ReplaceAllStringFunc(f.Before, func(m string) string { return strings.Replace(m, was, is, 1) }) == f.After
}

// factsByCause moves facts about fields of changes to where these were placed.
func factsByCause(all []finding.Fact, changes []diff.Change) {
	for i, f := range all {
		for _, c := range changes {
			if c.Object != f.Object || c.Owner != f.Owner || groupKind(c.Owner) != helmReleaseKind {
				continue
			}
			for _, field := range c.Fields {
				if field.Pointer == f.Field && f.Field != "" && field.Pos != c.Pos && !field.Pos.IsZero() {
					all[i].Pos = field.Pos
				}
			}
		}
	}
}
