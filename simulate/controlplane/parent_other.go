//go:build !linux

package controlplane

import "syscall"

// endWithParent has nothing to offer on this system: the process group ends together.
func endWithParent() *syscall.SysProcAttr { return nil }
