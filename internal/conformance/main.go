// Command conformance runs recorded cases through the built program and
// compares what it replays with what the real Flux controllers did. The layout
// of a case and the rules of comparison are in the README of the cases.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// Verdicts of a case.
const (
	passed  = "passed"
	differs = "differs"
	notYet  = "not yet" // the program says itself that it does not know the answer
)

type outcome struct {
	name, verdict string
	first         string   // first difference, or why not yet
	wanted        []string // differences that are reported apart
	ordered       bool     // either order of the controllers is right
}

func main() {
	bin := flag.String("bin", "bin/flux-rehearse", "the built program")
	cases := flag.String("cases", "../shared/conformance/cases", "folder of cases")
	run := flag.String("run", "", "only cases that match this regular expression")
	workers := flag.Int("workers", 2, "cases at a time")
	keep := flag.String("keep", "", "keep inputs and states in this folder")
	all := flag.Bool("all", false, "print every difference, not only the first")
	flag.Parse()
	if err := conform(options{*bin, *cases, *run, *keep, *workers, *all}); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(3)
	}
}

type options struct {
	bin, cases, run, keep string
	workers               int
	all                   bool
}

func conform(opt options) error {
	names, err := list(opt)
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(opt.bin)
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	opt.bin = bin
	results := make([]outcome, len(names))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, opt.workers))
	for i, name := range names {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			results[i] = try(opt, name)
		}()
	}
	wg.Wait()
	table(results, opt.all)
	return nil
}

func list(opt options) ([]string, error) {
	match, err := regexp.Compile(opt.run)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	dirs, err := filepath.Glob(filepath.Join(opt.cases, "*", "case.yaml"))
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("no cases in %s", opt.cases)
	}
	var names []string
	for _, d := range dirs {
		if name := filepath.Base(filepath.Dir(d)); match.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// table prints a line per case and the totals.
func table(results []outcome, all bool) {
	count := map[string]int{}
	wanted := 0
	for _, r := range results {
		count[r.verdict]++
		note := r.first
		if r.ordered {
			note = "(order-dependent) " + note
		}
		fmt.Printf("%-48s %-8s %s\n", r.name, r.verdict, note)
		if len(r.wanted) > 0 {
			wanted++
			if all {
				for _, w := range r.wanted {
					fmt.Printf("    wanted: %s\n", w)
				}
			}
		}
	}
	fmt.Printf("\nwanted, reported apart (field managers, events): %d of %d cases differ\n", wanted, len(results))
	fmt.Printf("conformance: %d passed, %d differ, %d not yet\n", count[passed], count[differs], count[notYet])
}
