package controlplane

import (
	"os"
	"runtime/debug"
)

// How a program collects its garbage: rarely, as it lives for seconds, but not
// at the price of memory that a small machine does not have.
const (
	garbagePercent = 200
	garbageLimit   = 768 << 20 // bytes, from which on it collects as often as need be
)

// CollectRarely lets this program collect its garbage less often than usual,
// unless the user has set GOGC or GOMEMLIMIT.
func CollectRarely() {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := os.LookupEnv(name); set {
			return
		}
	}
	debug.SetGCPercent(garbagePercent)
	debug.SetMemoryLimit(garbageLimit)
}
