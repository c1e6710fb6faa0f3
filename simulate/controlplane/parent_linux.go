package controlplane

import "syscall"

// endWithParent makes a child die with the thread that starts it.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
