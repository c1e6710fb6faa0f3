package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// colours reports whether output is coloured: on a terminal, unless NO_COLOR is set.
func (o *options) colours(w io.Writer) bool {
	switch o.colour {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// output is the stream of results. It remembers that it could not be written to.
type output struct {
	*os.File
	failed error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.File.Write(p)
	if err != nil && o.failed == nil {
		o.failed = unwritable(err)
	}
	return n, err
}

// unwritable words why nothing can be written to the output.
func unwritable(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errors.New("the output cannot be written: whoever reads it has stopped reading")
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("the output cannot be written: %w", err)
}

// descriptor is a file, or something around one.
type descriptor interface{ Fd() uintptr }

func isTerminal(w io.Writer) bool {
	f, ok := w.(descriptor)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width returns the columns of a terminal, 0 for anything else.
func width(w io.Writer) int {
	f, ok := w.(descriptor)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// patience is how long work goes on before its progress is shown.
const patience = time.Second

// progress tells on a terminal what a long run is at.
type progress struct {
	out  io.Writer
	mu   sync.Mutex
	text string
	done chan struct{}
	once sync.Once
}

func startProgress(opt *options, text string) *progress {
	p := &progress{out: opt.streams.err, text: text, done: make(chan struct{})}
	if !isTerminal(opt.streams.err) {
		return p
	}
	go p.run()
	return p
}

func (p *progress) run() {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for seconds := 1; ; seconds++ {
		select {
		case <-p.done:
			return
		case <-tick.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "\r\x1b[K%s … %ds", p.text, seconds)
			p.mu.Unlock()
		}
	}
}

// say changes what is shown.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// stop wipes the line. It may be called twice.
func (p *progress) stop() {
	p.once.Do(func() {
		close(p.done)
		p.mu.Lock()
		defer p.mu.Unlock()
		if isTerminal(p.out) {
			fmt.Fprint(p.out, "\r\x1b[K")
		}
	})
}
