package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWithoutRecord holds that a case that nobody has recorded does not pass.
func TestWithoutRecord(t *testing.T) {
	cases := t.TempDir()
	if err := os.MkdirAll(filepath.Join(cases, "new", "repo"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"case.yaml", "repo/a.yaml"} {
		if err := os.WriteFile(filepath.Join(cases, "new", name), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := try(options{bin: "/bin/true", cases: cases}, "new"); got.verdict != differs {
		t.Errorf("the case is said to be %q (%s)", got.verdict, got.first)
	}
}
