//go:build !unix

package effort

import "time"

// processor is the processor time that this process has taken, 0 when unknown.
func processor() time.Duration { return 0 }
