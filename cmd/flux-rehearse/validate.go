package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate"
	"github.com/flux-rehearse/flux-rehearse/validate/rules"
)

func newValidate(opt *options) *cobra.Command {
	var failOn string
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Render every cluster and report what is wrong, with file and line",
		Example: `  flux-rehearse validate
  flux-rehearse validate --cluster production -o json
  flux-rehearse validate --source-map sources.yaml --fail-on warning`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runValidate(cmd.Context(), opt, finding.Severity(failOn))
		},
	}
	opt.shared(cmd)
	opt.formats(cmd)
	cmd.Flags().StringVar(&failOn, "fail-on", "error", "exit with 1 for findings of this `severity` and above: error, warning, info")
	completes(cmd, "fail-on", "error", "warning", "info")
	return cmd
}

func runValidate(ctx context.Context, opt *options, failOn finding.Severity) error {
	if failOn.Rank() == 0 {
		return usagef("--fail-on must be error, warning or info, got %q", failOn)
	}
	p, err := openProject(opt)
	if err != nil {
		return err
	}
	defer p.close()
	bar := startProgress(opt, "render")
	defer bar.stop()
	r, err := p.head(ctx, nil)
	if err != nil {
		return err
	}
	if err := p.render(ctx, r); err != nil {
		return err
	}
	findings := validate.Run(p.validation(r))
	bar.stop()
	rep := newReport(v1.Validate, r, nil)
	rep.Findings = findings
	for _, f := range findings {
		if f.Severity.Rank() >= failOn.Rank() {
			rep.ExitCode = exitFindings
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	opt.exit = rep.ExitCode
	return opt.write(rep, r.tree)
}

// validation is what the rules look at.
func (p *project) validation(r *revision) validate.Input {
	var worlds []*render.World
	var catalogs []*schemas.Catalog
	for _, c := range r.clusters {
		worlds = append(worlds, c.world)
		catalogs = append(catalogs, c.catalog)
	}
	return validate.Input{Tree: r.tree, Worlds: worlds, Catalogs: catalogs, Rules: rules.All()}
}

// workspaceFolder is a folder as seen from the checkout that GitHub Actions works
// in, empty elsewhere.
func workspaceFolder(dir string) string {
	workspace := os.Getenv("GITHUB_WORKSPACE")
	if workspace == "" {
		return ""
	}
	var paths [2]string
	for i, p := range []string{workspace, dir} {
		full, err := filepath.Abs(p)
		if err != nil {
			return ""
		}
		if paths[i], err = filepath.EvalSymlinks(full); err != nil {
			return ""
		}
	}
	inside, err := filepath.Rel(paths[0], paths[1])
	if err != nil || inside == "." || !filepath.IsLocal(inside) {
		return ""
	}
	return filepath.ToSlash(inside)
}

// write prints a report in the format that the user chose.
func (o *options) write(rep report.Report, tree *repo.Tree) error {
	o.secrets.report(&rep)
	o.plain.messages(&rep)
	return report.Write(o.streams.out, o.format, rep, report.Options{
		Colour: o.colours(o.streams.out),
		Width:  width(o.streams.out),
		Folder: workspaceFolder(o.path),
		Source: func(file string) ([]byte, bool) {
			f := tree.File(file)
			if f == nil {
				return nil, false
			}
			data, err := f.Data()
			return data, err == nil
		},
	})
}
