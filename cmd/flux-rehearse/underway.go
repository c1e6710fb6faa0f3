package main

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flux-rehearse/flux-rehearse/internal/effort"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// limits are what rendering may take at most.
type limits struct {
	memory uint64        // bytes that the program holds
	stack  uint64        // bytes of calls that wait for one another
	time   time.Duration // that one Flux object spends
}

// most are the limits on this machine. The largest public repositories take a
// tenth of them; what takes more was made to.
func most() limits {
	out := limits{memory: 4 << 30, stack: 128 << 20, time: 45 * time.Second}
	if room := addressSpace(); room > 0 { // much of which is reserved and not used
		out.memory = min(out.memory, room/4)
	}
	// What a container or a service may take: else the system kills the program.
	data, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if room, bad := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64); err == nil && bad == nil {
		out.memory = min(out.memory, room/4*3)
	}
	return out
}

// underway is what is being rendered, so that a render that does not come to
// its end can be named.
type underway struct {
	mu      sync.Mutex
	renders []started // in the order in which they began
}

// started is a render that began at a time.
type started struct {
	object *render.Object
	effort.Start
}

// begin notes a render. The function that it returns notes its end.
func (w *underway) begin(o *render.Object) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.renders = append(w.renders, started{o, effort.Begin()})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, s := range w.renders {
			if s.object == o {
				w.renders = append(w.renders[:i:i], w.renders[i+1:]...)
				return
			}
		}
	}
}

// oldest is the render that began first of those under way.
func (w *underway) oldest() (started, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.renders) == 0 {
		return started{}, false
	}
	return w.renders[0], true
}

// guard ends the program before hostile content takes the memory of the machine
// or keeps it busy for ever. The API servers that it runs end with it.
func (w *underway) guard(most limits, end *ending) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	const pause = 50 * time.Millisecond
	for ; ; time.Sleep(pause) {
		metrics.Read(samples)
		render, busy := w.oldest()
		what := "something in the repository"
		if busy {
			what = fmt.Sprintf("%s (%s)", render.object.Ref(), render.object.At(""))
		}
		switch {
		case samples[0].Value.Uint64() > most.memory:
			end.with(exitBroken, fmt.Sprintf("%s takes more than %.1f GB of memory to render: look for templates, variables and patches "+
				"that multiply themselves, or try one cluster at a time with --cluster", what, float64(most.memory)/(1<<30)))
		case samples[1].Value.Uint64() > most.stack:
			end.with(exitBroken, what+" does not come to an end: look for templates that call themselves, with tpl for instance, and for values that contain themselves")
		case busy && render.Spent() > most.time:
			end.with(exitBroken, fmt.Sprintf("%s has not been rendered after %s: look for templates, bases and patches that multiply themselves, "+
				"or split it into several", what, most.time))
		}
	}
}

// watch returns a Renderer whose renders are noted.
func (w *underway) watch(r render.Renderer) render.Renderer { return noted{r, w} }

// noted notes the renders of a Renderer.
type noted struct {
	render.Renderer
	work *underway
}

// Render implements render.Renderer.
func (n noted) Render(ctx context.Context, in render.Input) render.Result {
	defer n.work.begin(in.Object)()
	return n.Renderer.Render(ctx, in)
}

// Unwrap returns the Renderer below.
func (n noted) Unwrap() render.Renderer { return n.Renderer }
