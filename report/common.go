package report

import (
	"fmt"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// minCommon is how many objects of an owner have to change in the same way for
// that to be told once.
const minCommon = 4

// common is what the updates of an owner have in common.
type common struct {
	fields []diff.Field // in the order in which they come first
	counts map[string]int
	bare   []finding.Ref // objects in which nothing else changes
}

func keyOf(f diff.Field) string {
	return fmt.Sprintf("%s\x00%s\x00%v\x00%v\x00%s", f.Label, f.Kind, f.Before, f.After, f.Text)
}

// commonIn finds what the updates among some changes have in common.
func commonIn(changes []diff.Change) common {
	out := common{counts: map[string]int{}}
	for _, c := range changes {
		seen := map[string]bool{}
		for _, f := range c.Fields {
			if key := keyOf(f); c.Action == diff.Update && !seen[key] {
				seen[key] = true
				out.counts[key]++
			}
		}
	}
	for _, c := range changes {
		for _, f := range c.Fields {
			if out.has(f) && !slices.ContainsFunc(out.fields, func(have diff.Field) bool { return keyOf(have) == keyOf(f) }) {
				out.fields = append(out.fields, f)
			}
		}
		if c.Action == diff.Update && len(c.Fields) > 0 && len(out.without(c).Fields) == 0 && remark(c, marks[c.Action]) == "" {
			out.bare = append(out.bare, c.Object)
		}
	}
	return out
}

func (m common) has(f diff.Field) bool { return m.counts[keyOf(f)] >= minCommon }

// without is a change without what is told for all.
func (m common) without(c diff.Change) diff.Change {
	if c.Action == diff.Update {
		c.Fields = slices.DeleteFunc(slices.Clone(c.Fields), m.has)
	}
	return c
}

// covers reports whether nothing is left to say of a change.
func (m common) covers(c diff.Change) bool {
	return slices.Contains(m.bare, c.Object) && c.Action == diff.Update
}

// maxBare is how many objects are named in which nothing else changes.
const maxBare = 20

// common writes what the updates of an owner have in common.
func (p *printer) common(m common) {
	if len(m.fields) == 0 {
		return
	}
	p.line(objectIndent, span{yellow, marks[diff.Update].symbol + " "}, text("the same in several objects:"))
	for _, f := range m.fields {
		p.line(fieldIndent, append(fieldSpans(f), span{dim, "   in " + count(m.counts[keyOf(f)], "object")})...)
		if f.Text != "" {
			p.hunks(f.Text)
		}
	}
	if len(m.bare) == 0 {
		return
	}
	body := names(m.bare[:min(len(m.bare), maxBare)])
	if more := len(m.bare) - maxBare; more > 0 {
		body += fmt.Sprintf(" and %d more", more)
	}
	p.paragraph(objectIndent+symbolWidth, fieldIndent, nil, text("and nothing else in "+body))
}
