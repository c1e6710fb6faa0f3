//go:build unix

package controlplane

import (
	"os"
	"syscall"
)

// endGroup ends this process and the program that it runs, which share a
// process group of their own.
func endGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(1)
}

// killGroup ends a program that leads a process group, with the program that it runs.
func killGroup(id int) { _ = syscall.Kill(-id, syscall.SIGKILL) }
