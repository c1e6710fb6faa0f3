// Package rules holds the rules, one per file; the name of the file is the id
// of the rule with an underscore for the slash.
package rules

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/validate"
)

// registry is filled by the files of this package at start.
var registry []validate.Rule

func register(r validate.Rule) { registry = append(registry, r) }

// claimed are the reasons of Problems that a rule of their own reports, filled
// by lift. What is not claimed and made an owner fail, render/failed reports.
var claimed = map[string]bool{}

// claim marks reasons that a rule reports by itself.
func claim(reasons ...string) {
	for _, reason := range reasons {
		claimed[reason] = true
	}
}

// lift registers a rule that reports the Problems of rendering with one of these reasons.
func lift(r validate.Rule, reasons ...string) {
	claim(reasons...)
	r.Since, r.Reads = "0.1.0", validate.ReadsWorld
	r.Check = func(p *validate.Pass) { p.Lift(reasons...) }
	register(r)
}

// All returns every rule, sorted by id.
func All() []validate.Rule {
	out := slices.Clone(registry)
	slices.SortFunc(out, func(a, b validate.Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}
