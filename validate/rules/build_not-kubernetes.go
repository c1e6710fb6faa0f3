package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/not-kubernetes",
		Severity: finding.Error,
		Summary:  "a file in the path of a Kustomization is no Kubernetes object",
		Why:      "Without a kustomization.yaml every YAML file below the path is taken as a manifest. One that is not fails the whole build.",
		Fix:      "move the file out of the path, list the resources in a kustomization.yaml, or ignore it in .sourceignore",
	}, "not-kubernetes-yaml", "malformed-yaml", "duplicate-key")
}
