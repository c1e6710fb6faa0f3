package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flux-rehearse/flux-rehearse/validate"
	"github.com/flux-rehearse/flux-rehearse/validate/rules"
)

func newExplain(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "Tell what a rule reports, why it matters and what to type; without RULE, list all",
		Args:  oneAtMost("RULE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range rules.All() {
				ids = append(ids, r.ID+"\t"+r.Summary)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, r := range rules.All() {
					fmt.Fprintf(opt.streams.out, "%-42s %-8s %s\n", r.ID, r.Severity, r.Summary)
				}
				return nil
			}
			for _, r := range rules.All() {
				if r.ID == args[0] {
					explain(opt.streams.out, r)
					return nil
				}
			}
			return usagef("no rule %q; \"flux-rehearse explain\" lists all", args[0])
		},
	}
}

func explain(w io.Writer, r validate.Rule) {
	fmt.Fprintf(w, "%s (%s, since %s)\n\n%s\n", r.ID, r.Severity, r.Since, r.Summary)
	for _, part := range [][2]string{{"Why", r.Why}, {"Fix", r.Fix}} {
		fmt.Fprintf(w, "\n%s:\n  %s\n", part[0], strings.ReplaceAll(strings.TrimSpace(part[1]), "\n", "\n  "))
	}
	fmt.Fprintf(w, "\nSuppress on the line, or on the line above:\n  # flux-rehearse:ignore %s -- the reason\n", r.ID)
}
