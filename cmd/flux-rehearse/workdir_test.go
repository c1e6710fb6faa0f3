package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestWorkdirs keeps the folders of processes that live and removes the others.
func TestWorkdirs(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skipf("skipped: there is no program that ends at once: %v", err)
	}
	dead := filepath.Join(temp, workPrefix+strconv.Itoa(gone.Process.Pid)+"-1")
	living := filepath.Join(temp, workPrefix+strconv.Itoa(os.Getpid())+"-1")
	other := filepath.Join(temp, workPrefix+"by-hand")
	for _, d := range []string{dead, living, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := newWorkdir()
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[string]bool{dead: false, living: true, other: true, mine: true} {
		if _, err := os.Stat(d); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(d), err == nil, want)
		}
	}
}
