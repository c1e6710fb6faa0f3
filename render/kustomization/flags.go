package kustomization

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// Flags returns the settings after the command line of a controller, such as
// helm-controller. What it cannot read is left out and stated.
func Flags(s render.Settings, controller string, args []string) (render.Settings, []finding.Problem) {
	r := flagReader{settings: s, controller: controller}
	r.read(args)
	return r.settings, r.problems
}

// flagReader reads the command line of one controller.
type flagReader struct {
	settings   render.Settings
	controller string
	place      func(argument string) finding.Position // nil: nowhere in the repository
	problems   []finding.Problem
}

func (r *flagReader) read(args []string) {
	known := map[string]Flag{}
	for _, f := range FlagLedger() {
		if f.Controller == ledgerName(r.controller) {
			known[f.Name] = f
		}
	}
	for i := 0; i < len(args); i++ {
		name, value, found := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !strings.HasPrefix(args[i], "-") || name == "" {
			continue
		}
		argument := args[i]
		if !found {
			value = "true"
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				value = args[i]
			}
		}
		if name == "feature-gates" {
			r.gates(known, argument, value)
			continue
		}
		r.set(known[name], argument, name, value)
	}
}

func (r *flagReader) gates(known map[string]Flag, argument, list string) {
	for _, item := range strings.Split(list, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(item), "=")
		if name == "" {
			continue
		}
		if !found {
			value = "true"
		}
		gate := known[name]
		if !gate.Gate {
			gate = Flag{}
		}
		r.set(gate, argument, name, value)
	}
}

func (r *flagReader) set(f Flag, argument, name, value string) {
	state := func(format string, args ...any) {
		p := finding.Problem{Reason: "controller-flag-invalid", Message: r.controller + ": " + fmt.Sprintf(format, args...)}
		if r.place != nil {
			p.Pos = r.place(argument)
		}
		r.problems = append(r.problems, p)
	}
	what := "flag"
	if f.Gate {
		what = "feature gate"
	}
	switch {
	case f.Name == "" && strings.HasPrefix(argument, "--feature-gates"):
		state("there is no feature gate %q, so the controller does not start", name)
	case f.Name == "":
		state("there is no flag %q, so the controller does not start", "--"+name)
	case f.Since > 0 && !r.settings.Since(f.Since):
		state("%s %q exists since Flux 2.%d, the cluster runs %s: the controller does not start", what, name, f.Since, r.settings.FluxVersion)
	case f.set != nil:
		if err := f.set(&r.settings, value); err != nil {
			state("the value of %s %q cannot be read: %s", what, name, err)
		}
	}
}

// ledgerName is how the ledger calls a controller.
func ledgerName(controller string) string { return strings.TrimSuffix(controller, "-controller") }

// componentOf names the controller that a Deployment runs, also as a shard.
func componentOf(name, image string) string {
	for _, c := range controllers {
		if name == c || strings.HasPrefix(name, c+"-") {
			return c
		}
	}
	base := image[strings.LastIndexByte(image, '/')+1:]
	base, _, _ = strings.Cut(base, "@")
	base, _, _ = strings.Cut(base, ":")
	if slices.Contains(controllers, base) {
		return base
	}
	return ""
}
