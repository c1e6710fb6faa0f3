package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/variable-invalid",
		Severity: finding.Error,
		Summary:  "a variable, or an expression that uses one, is not what substitution understands",
		Why: "The build fails. This holds for shell code in a ConfigMap, too, and for a key of a ConfigMap in substituteFrom " +
			"that is no name of a variable, even if nothing uses it. A value can also break the YAML that it is put into.",
		Fix: "write ${NAME} with letters, digits and underscores; write $${ for a literal ${",
	}, "variable-syntax", "variable-name-invalid", "substitution-failed", "substitution-breaks-yaml", "substitution-breaks-object")
}
