package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestInterruptedIsNoMistake holds that a run that is interrupted while it reads
// the revision of a flag does not blame the flag.
func TestInterruptedIsNoMistake(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"init", "-q"}, {"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", "first"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer nowhere.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := streams{strings.NewReader(""), &output{File: nowhere}, io.Discard}
	if code, message := execute(ctx, []string{"simulate", dir, "--base", "HEAD"}, s, &underway{}); code != exitBroken || message != interrupted {
		t.Errorf("exit code %d, %q, want %d, %q", code, message, exitBroken, interrupted)
	}
}
