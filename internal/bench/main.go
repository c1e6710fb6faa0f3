// Command bench prints how long the built program takes on the sample fleet and
// on real repositories, cold and warm, the time of the processors, and the peak
// memory of all its processes. A replay stands next to its floor: the start of a
// control plane for each cluster, and a dry run and an apply of each object, at
// the speed of those servers. All numbers of a run come from one machine, side
// by side. Then it prints how precisely objects and their fields are placed.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// repeats is how often the program renders warm; the median counts. Replays,
// which keep nothing, run warm once.
const repeats = 3

// patience is how long a run may take.
const patience = 5 * time.Minute

func main() {
	bin := flag.String("bin", "bin/flux-rehearse", "the built program")
	corpora := flag.String("corpora", "../shared/corpora", "folder of real repositories with their sources")
	only := flag.String("only", "", `"precision": how precisely objects are placed, and no times; "times": the contrary`)
	flag.Parse()
	if err := bench(*bin, *corpora, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(3)
	}
}

// subject is a repository to measure on.
type subject struct {
	name string
	path string
	once bool // it takes long: one cold run only, and no longer than patience

	entries   []string // folders, where the repository does not say
	sourceMap string
}

func bench(bin, corpora, only string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "flux-rehearse-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	subjects, err := prepare(work, corpora)
	if err != nil {
		return err
	}
	if only == "precision" {
		return precise(work, subjects)
	}
	b, err := buildBenchmarks(work)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := b.server(ctx); err != nil {
		return err
	}
	fmt.Printf("\n%-29s %-22s %7s %7s %7s %8s %8s %7s\n", "repository", "command", "cold", "warm", "cpu", "memory", "objects", "obj/s")
	var replays []replayed
	for _, s := range subjects {
		commands := [][]string{{"validate"}, {"simulate"}, {"simulate", "--base", "HEAD~1"}}
		if s.once {
			commands = commands[2:]
		}
		for _, c := range commands {
			r, err := measure(bin, work, s, c)
			if err != nil {
				return err
			}
			if len(c) > 1 && r.took > 0 {
				replays = append(replays, replayed{s, r})
			}
		}
	}
	if err := b.floors(ctx, work, replays); err != nil {
		return err
	}
	if only == "times" {
		return nil
	}
	return precise(work, subjects)
}

// prepare makes a git repository of the fleet and of each of the corpora at
// hand. The head of the latter has the content of its base: all is reconciled
// again, and nothing changes.
func prepare(work, corpora string) ([]subject, error) {
	fleet := filepath.Join(work, "fleet")
	if err := commit("fixtures/fleet/base", fleet, "fixtures/fleet/head.patch"); err != nil {
		return nil, fmt.Errorf("make the fleet: %w", err)
	}
	out := []subject{{name: "fixtures/fleet", path: fleet}}
	for _, s := range []subject{
		{name: "flux2-kustomize-helm-example"}, {name: "flux2-multi-tenancy"}, {name: "gitops-template"},
		{name: "azure-flux2-mt", entries: []string{"clusters", "infrastructure", "apps/staging"}},
		{name: "onedr0p-home-ops-2025-06", once: true}, {name: "radix-flux", once: true},
	} {
		dir, err := filepath.Abs(filepath.Join(corpora, s.name))
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(dir); err != nil {
			fmt.Printf("skipped: %s is not there\n", dir)
			continue
		}
		s.path, s.sourceMap = filepath.Join(work, s.name), filepath.Join(dir, "sources.yaml")
		if err := commit(filepath.Join(dir, "repo"), s.path, ""); err != nil {
			return nil, fmt.Errorf("make %s: %w", s.name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// commit makes a git repository of a folder, and on top a commit of a patch, an
// empty one without patch.
func commit(from, to, patch string) error {
	script := `set -e; cp -R "$1" "$2"; patch=$(realpath "${3:-/dev/null}"); cd "$2"
g() { git -c user.name=b -c user.email=b@example.com -c commit.gpgsign=false "$@"; }
g init -q -b main; g add -A; g commit -q -m base; [ ! -s "$patch" ] || g apply --index "$patch"; g commit -q --allow-empty -m head`
	if out, err := exec.Command("bash", "-c", script, "bash", from, to, patch).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// run is what one run of a program took.
type run struct {
	took, processor time.Duration
	peak            memory
	objects         int
	refused         float64 // of the objects, by the floor
	clusters        int
}

// measure runs a command cold, with an empty home and a fresh temporary folder,
// and warm, and prints both. It returns the warm run, nothing when the command
// takes too long.
func measure(bin, work string, s subject, words []string) (run, error) {
	args := append(slices.Clone(words), s.path, "-o", "json")
	if s.sourceMap != "" {
		args = append(args, "--source-map", s.sourceMap)
	}
	for _, e := range s.entries {
		args = append(args, "--entry", e)
	}
	home, err := os.MkdirTemp(work, "home-")
	if err != nil {
		return run{}, err
	}
	name := strings.Join(words, " ")
	cold, err := once(bin, home, args)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Printf("%-29s %-22s takes more than %s\n", s.name, name, patience)
		return run{}, nil
	}
	if err != nil {
		return run{}, err
	}
	warm := []run{}
	for range s.repeats(words) {
		r, err := once(bin, home, args)
		if err != nil {
			return run{}, err
		}
		warm = append(warm, r)
	}
	if len(warm) == 0 {
		warm = append(warm, cold)
	}
	slices.SortFunc(warm, func(a, b run) int { return cmp.Compare(a.took, b.took) })
	middle := warm[len(warm)/2]
	fmt.Printf("%-29s %-22s %6.2fs %6.2fs %6.2fs %5d MB %8d %7.0f\n", s.name, name, cold.took.Seconds(), middle.took.Seconds(), middle.processor.Seconds(),
		max(cold.peak.all, middle.peak.all)>>20, middle.objects, float64(middle.objects)/middle.took.Seconds())
	return middle, nil
}

// repeats is how often a command runs warm.
func (s subject) repeats(words []string) int {
	switch {
	case s.once:
		return 0
	case words[0] == "simulate":
		return 1
	}
	return repeats
}

// replayed is a subject and what its replay with a base took.
type replayed struct {
	subject
	run
}

// floors prints each replay next to its floor, and how many of the floor's objects
// the servers refused: the less they take, the lower the floor.
func (b benchmarks) floors(ctx context.Context, work string, replays []replayed) error {
	fmt.Printf("\n%-29s %8s %7s %7s %6s %7s %7s %6s %14s %8s %8s\n", "simulate --base HEAD~1", "clusters", "replay", "floor", "ratio", "cpu", "floor", "ratio", "server memory", "objects", "refused")
	for _, r := range replays {
		least, err := b.floorOf(ctx, work, r.subject)
		if err != nil {
			return err
		}
		fmt.Printf("%-29s %8d %6.2fs %6.2fs %6.2f %6.2fs %6.2fs %6.2f %11d MB %8d %8.0f\n", r.name, r.clusters,
			r.took.Seconds(), least.took.Seconds(), r.took.Seconds()/least.took.Seconds(),
			r.processor.Seconds(), least.processor.Seconds(), r.processor.Seconds()/least.processor.Seconds(), r.peak.servers>>20, least.objects, least.refused)
	}
	return nil
}

func once(bin, home string, args []string) (run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return run{}, err
	}
	peak := watch(cmd.Process.Pid)
	err := cmd.Wait()
	r := run{took: time.Since(start), peak: peak(), processor: processor(cmd)}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		return r, fmt.Errorf("%v: %w: %s", args, err, stderr.String())
	}
	var rep struct {
		Clusters []struct {
			Coverage struct{ Objects int }
			Steps    []struct{ Summary map[string]int }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &rep); err != nil {
		return r, fmt.Errorf("read the report: %w", err)
	}
	for _, c := range rep.Clusters {
		n := c.Coverage.Objects
		for _, s := range c.Steps {
			n = max(n, sum(s.Summary))
		}
		r.objects += n
		r.clusters++
	}
	return r, nil
}

// sum counts the objects of a step.
func sum(m map[string]int) int {
	n := 0
	for k, v := range m {
		if k != "errors" && k != "warnings" && k != "infos" && k != "notReady" {
			n += v
		}
	}
	return n
}
