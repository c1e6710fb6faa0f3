package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/flux-rehearse/flux-rehearse/internal/temporary"
)

// insistence is how long work that is interrupted may take to end by itself.
// Templates and builds of others' libraries cannot be interrupted.
const insistence = 1700 * time.Millisecond

// ending ends the program. Whoever comes first says why; the others wait for
// the end, which leaves no folder behind.
type ending struct {
	mu     sync.Mutex
	stderr *os.File // kustomize changes that of package os while it builds
}

// with ends the program with an exit code, after a message unless it is empty.
func (e *ending) with(code int, message string) {
	e.mu.Lock() // for good
	if message != "" {
		fmt.Fprintln(e.stderr, "flux-rehearse: "+message)
	}
	temporary.DiscardAll()
	os.Exit(code)
}

// interruptible returns a context that ends when the user, the terminal or the
// system asks the program to end. What does not end by itself then is ended;
// a second signal ends the program at once.
func (e *ending) interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := temporary.Interrupts()
	go func() {
		<-signals
		cancel()
		select {
		case <-signals:
		case <-time.After(insistence):
		}
		e.with(exitBroken, interrupted)
	}()
	return ctx
}

// interrupted is the message of a run that a signal has ended.
const interrupted = "interrupted"

// reportBrokenPipes makes writing to a reader that is gone an error. By default
// it ends a Go program, which then cleans up nothing.
func reportBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
