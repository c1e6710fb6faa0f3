//go:build linux || darwin

package controlplane

import "syscall"

// full reports whether there is no room left on the disk of a folder. Programs
// that cannot write their logs do not tell.
func full(dir string) bool {
	const least = 256 << 10 // bytes
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) < least
}
