// Package report prints what a run found: for a person at a terminal or a CI
// log, for a pull request and for a machine. Each format is one file.
package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// Report is what a run says, in the newest wire types.
type Report = v1.Report

// Options says how a report is written. Formats for machines ignore it.
type Options struct {
	Colour        bool                             // ANSI colours
	Width         int                              // columns at which messages are wrapped, 0 for never
	ShowUnchanged bool                             // list unchanged objects, which are only counted otherwise
	Source        func(file string) ([]byte, bool) // content of a file of the repository, for excerpts; nil for none
	Folder        string                           // where annotations look for the repository, slash-separated; empty for the root of the checkout
}

// format writes a report whose summaries are counted.
type format func(w io.Writer, r Report, o Options) error

var formats = map[string]format{
	"text":   writeText,
	"json":   writeJSON,
	"github": writeGitHub,
}

// Formats lists the names of the formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write prints the report in the format of that name. Summaries are counted
// here, and lists that are nil are written as empty ones.
func Write(w io.Writer, name string, r Report, o Options) error {
	write, ok := formats[name]
	if !ok {
		return fmt.Errorf("unknown report format %q: choose one of %q", name, Formats())
	}
	return write(w, v1.Counted(r), o)
}
