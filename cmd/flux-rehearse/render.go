package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func newRender(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render [PATH]",
		Short: "Print what would be applied, as YAML, by cluster and owner",
		Long: `render prints the objects that Flux would apply, as YAML documents in order of
their owners. Values of Secrets are masked. What is suspended, blocked, unknown
or failed is named in comments.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRender(cmd.Context(), opt) },
	}
	return opt.shared(cmd)
}

func runRender(ctx context.Context, opt *options) error {
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
	bar.stop()
	for _, c := range r.clusters {
		if err := printWorld(opt, c.world); err != nil {
			return err
		}
		for _, out := range c.world.Outcomes {
			if out.State == render.Failed || out.State == render.Blocked {
				opt.exit = exitFindings
			}
		}
	}
	return nil
}

func printWorld(opt *options, world *render.World) error {
	w := opt.streams.out
	for _, out := range world.Outcomes {
		owner := fmt.Sprintf("%s of cluster %s", out.Object.Ref(), world.Entry.Name)
		if out.State != render.Rendered {
			fmt.Fprintf(w, "---\n# %s: %s (%s)\n", owner, out.State, out.Reason)
			continue
		}
		for _, list := range [][]*render.Object{out.CRDs, out.Applies, out.Hooks} {
			for _, o := range list {
				if err := opt.printObject(owner, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (opt *options) printObject(owner string, o *render.Object) error {
	data, err := yaml.Marshal(opt.secrets.object(o))
	if err != nil {
		return fmt.Errorf("print %s: %w", o.Ref(), err)
	}
	hook := ""
	if o.Origin.Hook {
		hook = ", a hook"
	}
	_, err = fmt.Fprintf(opt.streams.out, "---\n# %s%s\n# from %s\n%s", owner, hook, o.At(""), data)
	return err
}
