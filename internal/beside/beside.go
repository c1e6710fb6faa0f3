// Package beside finds what tests take from the folder ../shared beside the
// module: recorded cases and real repositories, which not every machine has.
package beside

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder is the path of a part of ../shared; the test is skipped without it.
func Folder(t testing.TB, elements ...string) string {
	t.Helper()
	part := filepath.Join(append([]string{"shared"}, elements...)...)
	path := filepath.Join(filepath.Dir(module(t)), part)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: the folder ../%s is absent", filepath.ToSlash(part))
	}
	return path
}

// module is the folder of go.mod.
func module(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
