package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// benchmarks is the built test program of the control plane, which measures the
// servers alone.
type benchmarks struct {
	path   string
	folder string // of the package
}

func buildBenchmarks(work string) (benchmarks, error) {
	b := benchmarks{path: filepath.Join(work, "controlplane.test")}
	folder, err := filepath.Abs("simulate/controlplane")
	if err != nil {
		return b, err
	}
	b.folder = folder
	cmd := exec.Command("go", "test", "-c", "-o", b.path, "./simulate/controlplane")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("build the benchmarks of the control plane: %w: %s", err, out)
	}
	return b, nil
}

// server prints how long a control plane takes to start, how long the same
// programs take when envtest starts them in its own way, and how long a dry run
// and an apply of one small object take. Both starts take turns, so that both
// see the machine alike.
func (b benchmarks) server(ctx context.Context) error {
	const rounds = 3
	var ours, usual time.Duration
	for range rounds {
		for _, start := range []struct {
			name string
			sum  *time.Duration
		}{{"Start", &ours}, {"Envtest", &usual}} {
			r, err := b.run(ctx, start.name, "2x")
			if err != nil {
				return err
			}
			*start.sum += r.took
		}
	}
	object, err := b.run(ctx, "Object", "300x")
	if err != nil {
		return err
	}
	fmt.Printf("control plane ready: %.2fs\n", (ours / rounds).Seconds())
	fmt.Printf("the same programs, started by envtest in its own way: %.2fs, so that ours take %.2f of it\n",
		(usual / rounds).Seconds(), ours.Seconds()/usual.Seconds())
	fmt.Printf("dry run and apply of one small object: %.1fms, %.0f objects/s\n",
		float64(object.took)/float64(time.Millisecond), float64(time.Second)/float64(object.took))
	return nil
}

// run runs one benchmark and returns the mean time; the processor time is that
// of all of it, starts and stops included.
func (b benchmarks) run(ctx context.Context, name, times string, env ...string) (run, error) {
	cmd := exec.CommandContext(ctx, b.path, "-test.run", "^$", "-test.bench", "^Benchmark"+name+"$", "-test.benchtime", times)
	cmd.Dir, cmd.Env = b.folder, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return run{}, fmt.Errorf("%s: %w: %s", name, err, out)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) >= 4 && strings.HasPrefix(f[0], "Benchmark") && f[3] == "ns/op" {
			ns, err := strconv.ParseFloat(f[2], 64)
			r := run{took: time.Duration(ns), processor: processor(cmd)}
			if i := slices.Index(f, "refused/op"); i > 0 && err == nil {
				r.refused, err = strconv.ParseFloat(f[i-1], 64)
			}
			return r, err
		}
	}
	return run{}, fmt.Errorf("no result of %s: %s", name, out)
}

// processor is the time that a command and all that it has waited for took of
// the processors.
func processor(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
