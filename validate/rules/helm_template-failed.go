package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "helm/template-failed",
		Severity: finding.Error,
		Summary:  "a chart does not render with these values",
		Why:      "The install or upgrade fails, and the release stays as it is.",
		Fix:      "correct the values of the HelmRelease or the chart",
	}, "helm-template", "helm-template-fail", "helm-template-yaml", "helm-template-timeout", "helm-post-render", "helm-render", "helm-crds", "helm-kube-version")
}
