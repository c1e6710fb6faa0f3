package main

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"time"
)

// mostMemory is what the program may hold at most, in bytes. The largest public
// repositories take a tenth of it; what takes more was made to.
const mostMemory = 6 << 30

// guardMemory ends the program before a hostile template takes the memory of
// the machine. The API servers that it runs end with it.
func guardMemory(ctx context.Context, most uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	const pause = 50 * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		metrics.Read(sample)
		if held := sample[0].Value.Uint64(); held > most {
			fmt.Fprintf(os.Stderr, "flux-rehearse: something in the repository takes more than %d GB of memory to render: "+
				"look for templates and variables that multiply themselves, or try one cluster at a time with --cluster\n", most>>30)
			os.Exit(exitBroken)
		}
	}
}
