package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "build/variable-unset",
		Severity: finding.Error,
		Summary:  "a variable is used that nothing sets",
		Why:      "Substitution is strict since Flux 2.9: the build fails. Older versions put in the empty string without a word.",
		Fix:      "set it below spec.postBuild, give a default as in ${NAME:=value}, or write $${NAME} to keep the text as it is",
	}, "variable-unset")
}
