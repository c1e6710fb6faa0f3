package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/not-kubernetes",
		Severity: finding.Error,
		Summary:  "a file that a Kustomization builds holds no Kubernetes object",
		Why: "Without a kustomization.yaml, Flux takes every .yaml and .yml file below spec.path for manifests, hidden ones included. " +
			"One that has no apiVersion, kind and name, such as the values of a chart, fails the whole build.",
		Fix: "move the file out of the path, list the wanted files in a kustomization.yaml, or exclude it in .sourceignore",
	}, "not-kubernetes-yaml")
}
