package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/kustomization-invalid",
		Severity: finding.Error,
		Summary:  "a kustomization.yaml is not one that Flux can build",
		Why:      "The whole Kustomization fails to build.",
		Fix:      "correct the kustomization.yaml; plugins, helmCharts and paths outside the source are refused",
	}, "kustomization-unknown-field", "kustomization-invalid", "kustomization-empty", "several-kustomization-files", "component-as-resource", "resource-as-component", "component-path-invalid", "base-cycle", "path-outside-artifact", "helm-charts-disabled", "generator-source-invalid", "generator-target-missing")
}
