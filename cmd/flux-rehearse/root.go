package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flux-rehearse/flux-rehearse/report"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// Exit codes.
const (
	exitClean    = 0 // nothing to report
	exitFindings = 1 // changes, or findings at or above the threshold
	exitUsage    = 2 // wrong usage or configuration
	exitBroken   = 3 // the tool could not do its work
)

type streams struct {
	in  io.Reader
	out *output
	err io.Writer
}

// usageError is a mistake in flags, arguments or configuration.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// options are the flags that several commands share.
type options struct {
	path      string
	sourceMap string
	config    string
	offline   bool
	workers   int
	clusters  []string
	entries   []string
	format    string
	flux      string
	colour    string
	keys      []string
	secrets   secrets // that decryption has opened
	plain     secrets // of Secrets that the repository holds as they are
	streams   streams
	work      *underway // what is being rendered
	exit      int       // set by the command
}

// execute runs a command line. It returns the exit code, and what to say of a
// run that did not come to its end.
func execute(ctx context.Context, args []string, s streams, work *underway) (code int, message string) {
	opt := &options{streams: s, work: work}
	root := newRoot(opt)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if s.out.failed != nil {
		return exitBroken, s.out.failed.Error()
	}
	var usage usageError
	switch {
	case err == nil:
		return opt.exit, ""
	case ctx.Err() != nil: // whatever that looks like to who was interrupted
		return exitBroken, interrupted
	case errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage, opt.secrets.hide(err.Error())
	}
	message = opt.secrets.hide(err.Error())
	if errors.Is(err, syscall.EMFILE) && !strings.Contains(message, "ulimit") {
		message += ": raise the limit of open files: ulimit -n 4096"
	}
	return exitBroken, message
}

func newRoot(opt *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "flux-rehearse",
		Short: "Show what a revision of a GitOps repository would do to its clusters",
		Long: `flux-rehearse renders a Flux repository as the controllers would, validates the
result, and replays reconciliation against a real API server that it starts
itself. It needs no cluster, no credentials and no network.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// Flags and what is said of them fit a terminal of 80 columns.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.AddCommand(newValidate(opt), newSimulate(opt), newRender(opt), newExplain(opt), newVersion(opt))
	return root
}

// flagError says what is wrong with a flag in the words of its user.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		return usagef("--%s must be of type %s, got %q", f.Name, f.Value.Type(), invalid.GetValue())
	}
	return usageError{err}
}

// oneAtMost makes further arguments a usage error.
func oneAtMost(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("one %s at most, got %d", name, len(args))
		}
		return nil
	}
}

// shared adds the flags that validate, simulate and render have in common.
func (o *options) shared(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&o.sourceMap, "source-map", "", "`file` that says where charts, OCI artifacts and other repositories lie on disk")
	f.StringVar(&o.config, "config", "", "`file` with settings that the repository does not hold")
	f.StringSliceVar(&o.keys, "decryption-keys", nil, "`path` of an age or PGP private key, or of a folder of *.agekey and *.asc, for SOPS (repeatable)")
	f.BoolVar(&o.offline, "offline", true, "never dial; with --offline=false SOPS may ask the key services that files name, with the credentials of the environment")
	f.IntVar(&o.workers, "workers", runtime.NumCPU(), "renders and replays in parallel; the result does not depend on it")
	f.StringSliceVar(&o.clusters, "cluster", nil, "only the clusters of this `name` (repeatable)")
	f.StringSliceVar(&o.entries, "entry", nil, "`folder` that a root Kustomization applies, where the repository does not say (repeatable)")
	f.Lookup("workers").DefValue = "one per processor"
	f.StringVar(&o.flux, "flux-version", "", "Flux `minor` that the clusters run, such as 2.8")
	f.StringVar(&o.colour, "color", "auto", "auto, always or never")
	completes(cmd, "color", "auto", "always", "never")
	completes(cmd, "flux-version", schemas.FluxVersions()...)
	cmd.Args = oneAtMost("PATH")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("output") && !slices.Contains(report.Formats(), o.format) {
			return usagef("-o must be one of %s, got %q", strings.Join(report.Formats(), ", "), o.format)
		}
		o.path = "."
		if len(args) == 1 {
			o.path = args[0]
		}
		return o.check()
	}
	return cmd
}

// formats adds -o for a report.
func (o *options) formats(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", strings.Join(report.Formats(), ", "))
	completes(cmd, "output", report.Formats()...)
}

// completes has shells offer the values of a flag.
func completes(cmd *cobra.Command, flag string, values ...string) {
	offer := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(flag, offer) // fails for a flag that is not there
}

func (o *options) check() error {
	switch {
	case o.workers < 1:
		return usagef("--workers must be at least 1, got %d", o.workers)
	case o.colour != "auto" && o.colour != "always" && o.colour != "never":
		return usagef("--color must be auto, always or never, got %q", o.colour)
	}
	info, err := os.Stat(o.path)
	if err != nil {
		return usagef("cannot read %q: no such folder", o.path)
	}
	if !info.IsDir() {
		return usagef("%q is a file, want the folder of a repository", o.path)
	}
	return nil
}
