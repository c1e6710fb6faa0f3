// Package effort measures how long work takes by what it costs: on a machine
// that has much else to do, work without an end differs from work that waits.
package effort

import (
	"context"
	"time"
)

// Start is when work began.
type Start struct {
	at   time.Time
	used time.Duration
}

// Begin notes the start of work.
func Begin() Start { return Start{at: time.Now(), used: processor()} }

// Spent is how long the work has taken: the time since its start, or the
// processor time of this process since then, whichever is less. Where the system
// does not tell the processor time it is the time since the start.
func (s Start) Spent() time.Duration {
	wall := time.Since(s.at)
	if used := processor(); used > 0 {
		return min(wall, used-s.used)
	}
	return wall
}

// pause is how often work past its limit of time is asked what it has cost.
const pause = 50 * time.Millisecond

// Limit returns a context that ends with a cause when the work that begins now
// has spent more than a limit. Whoever calls cancel releases what it holds.
func Limit(ctx context.Context, limit time.Duration, cause error) (limited context.Context, cancel context.CancelFunc) {
	limited, end := context.WithCancelCause(ctx)
	start := Begin()
	go func() {
		for left := limit; left > 0; left = limit - start.Spent() {
			select {
			case <-limited.Done():
				return
			case <-time.After(max(left, pause)):
			}
		}
		end(cause)
	}()
	return limited, func() { end(nil) }
}
