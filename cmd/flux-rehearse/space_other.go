//go:build !linux && !darwin

package main

// addressSpace is how many bytes of addresses this process may take, 0 without a limit.
func addressSpace() uint64 { return 0 }
