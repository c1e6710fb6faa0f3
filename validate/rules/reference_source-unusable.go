package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "reference/source-unusable",
		Severity: finding.Error,
		Summary:  "a source exists but yields nothing that can be used",
		Why:      "The source or the chart never becomes ready, so whoever uses it keeps the old content or is never applied.",
		Fix:      "correct the URL, reference, version or path of the source",
	}, "source-url", "source-ref", "source-content", "source-include", "source-chart", "source-no-artifact", "source-kind", "chart-reference", "chart-version", "chart-values-files", "chart-dependency", "chart-package", "chart-tag-mismatch", "artifact-generator", "artifact-name-is-alias")
}
