package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("variable-unset")
	register(validate.Rule{
		ID:       "build/variable-unset",
		Severity: finding.Error,
		Summary:  "a variable is used that nothing sets",
		Why: "Substitution is strict since Flux 2.9: the build fails. Older versions put in the empty string without a word. " +
			"It is a warning where a source map gives a ConfigMap or Secret of variables with made up values, as the real one may have it.",
		Fix:   "set it below spec.postBuild, give a default as in ${NAME:=value}, or write $${NAME} to keep the text as it is",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated("variable-unset") {
				f := validate.FromProblem(s.Problem, s.Owner.Object)
				for _, r := range dataReferences(s.Owner.Object, "spec", "postBuild", "substituteFrom") {
					if o := p.World.Object(r.Ref); o != nil && o.Origin.Invented {
						f.Severity = finding.Warning
						f.Hint = fmt.Sprintf("add it to the file that the source map gives for %s; or %s", r.Ref, f.Hint)
					}
				}
				p.Report(f)
			}
		},
	})
}
