package main

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/internal/spelling"
	"github.com/flux-rehearse/flux-rehearse/validate"
	"github.com/flux-rehearse/flux-rehearse/validate/rules"
)

func newExplain(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE|FACT]",
		Short: "Tell why a rule or a fact matters and what to do",
		Long: `explain tells what a rule or a fact reports, why it matters and what to do.
Without a name it lists all.`,
		Args: oneAtMost("RULE or FACT"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return explained(func(id, summary string) string { return id + "\t" + summary }), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, r := range rules.All() {
					fmt.Fprintf(opt.streams.out, "%-42s %-8s %s\n", r.ID, r.Severity, r.Summary)
				}
				for _, k := range facts.All() {
					fmt.Fprintf(opt.streams.out, "%-42s %-8s %s\n", k.ID, k.Severity, k.Summary)
				}
				return nil
			}
			for _, r := range rules.All() {
				if r.ID == args[0] {
					explain(opt.streams.out, r)
					return nil
				}
			}
			for _, k := range facts.All() {
				if k.ID == args[0] {
					explainFact(opt.streams.out, k)
					return nil
				}
			}
			return usagef("no rule or fact %q; %s\"flux-rehearse explain\" lists all", args[0], meant(args[0]))
		},
	}
}

// explained are all rules and facts, as line writes each.
func explained(line func(id, summary string) string) []string {
	var out []string
	for _, r := range rules.All() {
		out = append(out, line(r.ID, r.Summary))
	}
	for _, k := range facts.All() {
		out = append(out, line(k.ID, k.Summary))
	}
	return out
}

// meant asks for the rule or fact whose name is misspelt, or lacks its category.
func meant(name string) string {
	ids := explained(func(id, _ string) string { return id })
	near := spelling.Nearest(name, ids)
	if i := slices.IndexFunc(ids, func(id string) bool { return path.Base(id) == name }); i >= 0 {
		near = ids[i]
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", near)
}

func explain(w io.Writer, r validate.Rule) {
	fmt.Fprintf(w, "%s (%s, since %s)\n\n%s\n", r.ID, r.Severity, r.Since, r.Summary)
	for _, part := range [][2]string{{"Why", r.Why}, {"Fix", r.Fix}} {
		fmt.Fprintf(w, "\n%s:\n  %s\n", part[0], strings.ReplaceAll(strings.TrimSpace(part[1]), "\n", "\n  "))
	}
	fmt.Fprintf(w, "\nSuppress on the line, or on the line above:\n  # flux-rehearse:ignore %s -- the reason\n", r.ID)
}

func explainFact(w io.Writer, k facts.Kind) {
	fmt.Fprintf(w, "%s (%s, a fact of \"simulate\")\n\n%s\n", k.ID, k.Severity, k.Summary)
	for _, part := range [][2]string{{"Why", k.Why}, {"Check", k.Check}} {
		fmt.Fprintf(w, "\n%s:\n  %s\n", part[0], strings.ReplaceAll(strings.TrimSpace(part[1]), "\n", "\n  "))
	}
}
