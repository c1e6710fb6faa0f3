//go:build linux || darwin

package main

import "syscall"

// addressSpace is how many bytes of addresses this process may take, 0 without a limit.
func addressSpace() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil || limit.Cur > 1<<48 {
		return 0
	}
	return limit.Cur
}
