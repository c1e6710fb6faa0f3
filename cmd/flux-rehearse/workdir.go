package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// workPrefix starts the name of a work folder; the process that owns it follows.
const workPrefix = "flux-rehearse-work-"

// newWorkdir makes the folder for what a run writes, and removes those of
// processes that were killed.
func newWorkdir() (string, error) {
	stale, _ := filepath.Glob(filepath.Join(os.TempDir(), workPrefix+"*"))
	for _, dir := range stale {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), workPrefix), "-")
		if pid, err := strconv.Atoi(number); err == nil && ended(pid) {
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", workPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make a work folder: %w", err)
	}
	return dir, nil
}

// ended reports whether no process has the number any more.
func ended(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
