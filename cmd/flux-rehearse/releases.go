package main

import (
	"github.com/flux-rehearse/flux-rehearse/simulate"
	helmreleases "github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// releases carries out the HelmReleases of one replay.
func releases() simulate.Releases { return helmreleases.New() }
