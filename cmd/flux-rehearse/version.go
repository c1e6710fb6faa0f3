package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func newVersion(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and what is built in",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			s := render.DefaultSettings()
			fmt.Fprintf(opt.streams.out, "flux-rehearse %s\nkubernetes    %s\nflux          %s\n", version, s.KubeVersion, s.FluxVersion)
		},
	}
}
