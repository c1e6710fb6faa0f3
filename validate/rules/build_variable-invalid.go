package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/variable-invalid",
		Severity: finding.Error,
		Summary:  "an expression or a name of a variable is not what substitution understands",
		Why:      "The build fails, also when the variable is not used anywhere.",
		Fix:      "write ${NAME} with letters, digits and underscores; write $${ for a literal ${",
	}, "variable-syntax", "variable-name-invalid", "substitute-invalid", "variable-yaml")
}
