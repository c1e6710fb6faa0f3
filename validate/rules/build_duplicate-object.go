package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/duplicate-object",
		Severity: finding.Error,
		Summary:  "one build yields the same object twice",
		Why: "kustomize refuses it, and the whole owner fails. helm-controller sends the objects of every chart through kustomize, " +
			"so it holds for charts, too, although \"helm template\" accepts it.",
		Fix: "remove one of them, or give it another name",
	}, "duplicate-object", "generator-duplicate", "helm-duplicate-object", "namespace-conflict")
}
