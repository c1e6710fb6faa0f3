package controlplane

import (
	"os"
	"runtime/debug"
)

// How programs collect their garbage: rarely, as they live for seconds, but not
// at the price of memory that a small machine does not have.
const (
	garbagePercent = 200
	ownLimit       = 1536 << 20 // bytes, from which on the main program collects as often as need be
	serverLimit    = 768 << 20  // the same for each server, of which several run
)

// CollectRarely lets the main program collect its garbage less often than usual,
// unless the user has set GOGC or GOMEMLIMIT.
func CollectRarely() { collectRarely(ownLimit) }

func collectRarely(limit int64) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := os.LookupEnv(name); set {
			return
		}
	}
	debug.SetGCPercent(garbagePercent)
	debug.SetMemoryLimit(limit)
}
