package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "controller/unwatched",
		Severity: finding.Error,
		Summary:  "no instance of a controller looks at a Flux object",
		Why: "The controllers run with --watch-label-selector, as for shards, or for one namespace only. An object that none of them selects " +
			"never gets a status, nothing of it is applied, and what depends on it waits.",
		Fix: "give the object the label of a shard, such as sharding.fluxcd.io/key, or add an instance of the controller for it",
	}, "not-watched", "source-not-watched")
}
