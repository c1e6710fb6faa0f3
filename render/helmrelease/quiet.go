package helmrelease

import (
	"io"
	"log"
	"runtime"
	"strings"
)

// quiet makes the standard logger drop what Helm writes to it: notes on values
// and hooks that do not fit, one for each render. Everything else passes. The
// default logger of log/slog writes there, too.
func quiet() {
	w := log.Writer()
	if _, done := w.(withoutHelm); !done {
		log.SetOutput(withoutHelm{w})
	}
}

// withoutHelm passes on the lines that Helm did not log.
type withoutHelm struct{ next io.Writer }

// Write implements io.Writer for a logger, which calls it for each line.
func (w withoutHelm) Write(line []byte) (int, error) {
	if loggedByHelm() {
		return len(line), nil
	}
	return w.next.Write(line)
}

// loggedByHelm reports whether the function that called the logger is Helm's.
func loggedByHelm() bool {
	const depth = 24 // more than the loggers put between
	callers := make([]uintptr, depth)
	const skipped = 3 // runtime.Callers, this function and Write
	frames := runtime.CallersFrames(callers[:runtime.Callers(skipped, callers)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "log.") && !strings.HasPrefix(f.Function, "log/") {
			return strings.HasPrefix(f.Function, "helm.sh/helm/")
		}
		if !more {
			return false
		}
	}
}
