package validate

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// ignoreComment is how a repository suppresses findings: on the line itself or
// on the line above, with rule ids or categories, and a reason after "--".
//
//	replica: 3 # flux-rehearse:ignore schema/unknown-field -- read by our operator
var ignoreComment = regexp.MustCompile(`#\s*flux-rehearse:ignore(?:\s+([a-z][a-z0-9/-]*(?:[ ,]+[a-z][a-z0-9/-]*)*))?\s*(?:--.*)?$`)

func suppress(tree *repo.Tree, all []finding.Finding) []finding.Finding {
	kept := all[:0]
	for _, f := range all {
		if !suppressed(tree, f) {
			kept = append(kept, f)
		}
	}
	return kept
}

func suppressed(tree *repo.Tree, f finding.Finding) bool {
	if f.Pos.Line == 0 || tree == nil {
		return false
	}
	file := tree.File(f.Pos.File)
	if file == nil {
		return false
	}
	data, err := file.Data()
	if err != nil {
		return false
	}
	lines := bytes.Split(data, []byte("\n"))
	for _, n := range []int{f.Pos.Line - 1, f.Pos.Line - 2} {
		if n < 0 || n >= len(lines) {
			continue
		}
		line := strings.TrimSpace(string(lines[n]))
		if n == f.Pos.Line-2 && !strings.HasPrefix(line, "#") {
			continue
		}
		if m := ignoreComment.FindStringSubmatch(line); m != nil && names(m[1], f.Rule) {
			return true
		}
	}
	return false
}

// names reports whether a list of rule ids and categories covers the rule; an
// empty list covers all.
func names(list, rule string) bool {
	fields := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	for _, id := range fields {
		if id == rule || strings.HasPrefix(rule, id+"/") {
			return true
		}
	}
	return len(fields) == 0
}
