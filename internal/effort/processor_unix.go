//go:build unix

package effort

import (
	"syscall"
	"time"
)

// processor is the processor time that this process has taken, 0 when unknown.
func processor() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
