package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/artifact-alias",
		Severity: finding.Warning,
		Summary:  "an artifact of an ArtifactGenerator has the name of a source alias",
		Why: "source-watcher builds the artifact in the folder of that source, so that the artifact holds the whole source and not " +
			"only what is copied. Each commit to the source then changes it, and whoever uses it reconciles.",
		Fix: "give the alias or the artifact another name",
	}, "artifact-name-is-alias")
}
