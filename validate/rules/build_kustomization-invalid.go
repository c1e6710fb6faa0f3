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
		Why: "The Kustomization fails with BuildFailed, and nothing of it is updated any more. Flux builds without plugins, without helmCharts, " +
			"and without files outside the source, so a file that \"kustomize build\" takes may still be refused.",
		Fix: "correct the kustomization.yaml",
	}, "kustomization-unknown-field", "kustomization-invalid", "kustomization-empty", "several-kustomization-files",
		"component-as-resource", "resource-as-component", "component-path-invalid", "base-cycle", "path-outside-artifact",
		"build-without-end", "helm-charts-disabled", "generator-source-invalid", "generator-target-missing", "remote-base-forbidden")
}
