package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "health/expression-invalid",
		Severity: finding.Error,
		Summary:  "an expression of healthCheckExprs or readyExpr does not compile",
		Why: "The controller reports InvalidCELExpression and stalls: it does not try again until the object changes. What it applied before stays " +
			"in the cluster and is no longer updated.",
		Fix: "correct the CEL expression",
	}, "expression-invalid")
}
