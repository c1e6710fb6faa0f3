package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesAreComplete holds every rule against what documentation and the
// fixtures need: all texts, a file of its own name, a bad and a good fixture.
func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		if seen[r.ID] {
			t.Errorf("%s is registered twice", r.ID)
		}
		seen[r.ID] = true
		for what, text := range map[string]string{"summary": r.Summary, "why": r.Why, "fix": r.Fix, "since": r.Since, "severity": string(r.Severity), "reads": string(r.Reads)} {
			if text == "" {
				t.Errorf("%s has no %s", r.ID, what)
			}
		}
		if r.Check == nil {
			t.Errorf("%s checks nothing", r.ID)
		}
		if _, err := os.Stat(strings.ReplaceAll(r.ID, "/", "_") + ".go"); err != nil {
			t.Errorf("%s is not in a file of its name", r.ID)
		}
		for _, side := range []string{"bad", "good"} {
			files, _ := filepath.Glob(filepath.Join("..", "..", "fixtures", "rules", filepath.FromSlash(r.ID), side+"*.txtar"))
			if len(files) == 0 {
				t.Errorf("%s has no %s fixture", r.ID, side)
			}
		}
	}
}
