// Command bench prints how long the built program takes on the sample fleet and
// on real repositories, cold and warm, and the peak memory of all its
// processes. All numbers of a run come from one machine, side by side. Then it
// prints how precisely objects and their fields are placed.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// repeats is how often the program runs warm; the median counts.
const repeats = 3

func main() {
	bin := flag.String("bin", "bin/flux-rehearse", "the built program")
	corpora := flag.String("corpora", "../shared/corpora", "folder of real repositories with their sources")
	only := flag.String("only", "", `"precision": how precisely objects are placed, and no times`)
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
	args []string
	base string

	entries []string // folders, where the repository does not say
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
		return precise(work, corpora, subjects)
	}
	if err := ready(); err != nil {
		return err
	}
	fmt.Printf("%-32s %-28s %8s %8s %10s %8s\n", "repository", "command", "cold", "warm", "peak", "objects")
	for _, s := range subjects {
		commands := [][]string{{"validate"}, {"simulate"}}
		if s.base != "" {
			commands = append(commands, []string{"simulate", "--base", s.base})
		}
		for _, c := range commands {
			if err := measure(bin, work, s, c); err != nil {
				return err
			}
		}
	}
	return precise(work, corpora, subjects)
}

// prepare makes the git repository of the fleet and lists the corpora at hand.
func prepare(work, corpora string) ([]subject, error) {
	fleet := filepath.Join(work, "fleet")
	script := `set -e; cp -R fixtures/fleet/base "$1"; p=$(pwd); cd "$1"
g() { git -c user.name=b -c user.email=b@example.com -c commit.gpgsign=false "$@"; }
g init -q -b main; g add -A; g commit -q -m base; g apply --index "$p/fixtures/fleet/head.patch"; g commit -q -m head`
	if out, err := exec.Command("bash", "-c", script, "bash", fleet).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the fleet: %w: %s", err, out)
	}
	out := []subject{{name: "fixtures/fleet", path: fleet, base: "HEAD~1"}}
	for _, name := range []string{"flux2-kustomize-helm-example", "flux2-multi-tenancy"} {
		dir := filepath.Join(corpora, name)
		if _, err := os.Stat(dir); err != nil {
			fmt.Printf("skipped: %s is not there\n", dir)
			continue
		}
		out = append(out, subject{name: name, path: filepath.Join(dir, "repo"), args: []string{"--source-map", filepath.Join(dir, "sources.yaml")}})
	}
	return out, nil
}

// ready prints how long a control plane takes until it is ready.
func ready() error {
	cmd := exec.Command("go", "test", "./simulate/controlplane", "-run", "^$", "-bench", ".", "-benchtime", "3x")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("boot the control plane: %w: %s", err, out)
	}
	for _, l := range bytes.Split(out, []byte("\n")) {
		if bytes.HasPrefix(l, []byte("Benchmark")) {
			fmt.Printf("control plane, median of 3: %s\n", l)
		}
	}
	return nil
}

type run struct {
	took    time.Duration
	peak    int64 // bytes
	objects int
}

// measure runs a command cold, with an empty home and a fresh temporary folder,
// and warm.
func measure(bin, work string, s subject, command []string) error {
	args := append(append(slices.Clone(command), s.path, "-o", "json"), s.args...)
	home, err := os.MkdirTemp(work, "home-")
	if err != nil {
		return err
	}
	cold, err := once(bin, home, args)
	if err != nil {
		return err
	}
	var warm []run
	for range repeats {
		r, err := once(bin, home, args)
		if err != nil {
			return err
		}
		warm = append(warm, r)
	}
	slices.SortFunc(warm, func(a, b run) int { return int(a.took - b.took) })
	middle := warm[len(warm)/2]
	name := ""
	for _, c := range command {
		name += c + " "
	}
	fmt.Printf("%-32s %-28s %7.2fs %7.2fs %7d MB %8d\n", s.name, name, cold.took.Seconds(), middle.took.Seconds(), max(cold.peak, middle.peak)>>20, middle.objects)
	return nil
}

func once(bin, home string, args []string) (run, error) {
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return run{}, err
	}
	peak := watch(cmd.Process.Pid)
	err := cmd.Wait()
	r := run{took: time.Since(start), peak: peak()}
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
