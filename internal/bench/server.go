package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// floor is what a control plane takes to start, and for one object.
type floor struct{ start, object time.Duration }

// of is the least time in which n objects can be replayed.
func (f floor) of(n int) time.Duration { return f.start + time.Duration(n)*f.object }

// server measures a control plane: how long it takes to start, how long the
// same programs take when envtest starts them in its own way, and how long a dry
// run and an apply of one object take.
func server() (floor, error) {
	var f floor
	for _, b := range []struct{ name, times string }{{"Start", "3x"}, {"Envtest", "3x"}, {"Object", "300x"}} {
		each, err := benchmark(b.name, b.times)
		if err != nil {
			return f, fmt.Errorf("measure the control plane: %w", err)
		}
		switch b.name {
		case "Start":
			f.start = each
			fmt.Printf("control plane ready: %.2fs\n", each.Seconds())
		case "Envtest":
			fmt.Printf("the same programs, started by envtest in its own way: %.2fs, %.1f times as long\n", each.Seconds(), each.Seconds()/f.start.Seconds())
		case "Object":
			f.object = each
			fmt.Printf("dry run and apply of one object: %.1fms, %.0f objects/s\n", float64(each)/float64(time.Millisecond), float64(time.Second)/float64(each))
		}
	}
	return f, nil
}

// benchmark runs a benchmark of the control plane and returns the mean time.
func benchmark(name, times string) (time.Duration, error) {
	cmd := exec.Command("go", "test", "./simulate/controlplane", "-run", "^$", "-bench", "^Benchmark"+name+"$", "-benchtime", times)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) >= 4 && strings.HasPrefix(f[0], "Benchmark") && f[3] == "ns/op" {
			ns, err := strconv.ParseFloat(f[2], 64)
			return time.Duration(ns), err
		}
	}
	return 0, fmt.Errorf("no result of %s: %s", name, out)
}
