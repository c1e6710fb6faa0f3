//go:build !unix

package controlplane

import "os"

// endGroup ends this process.
func endGroup() { os.Exit(1) }

// killGroup ends a program.
func killGroup(id int) {
	if p, err := os.FindProcess(id); err == nil {
		_ = p.Kill()
	}
}
