package rules

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("source-not-found", "chart-ref-not-found")
	register(validate.Rule{
		ID:       "reference/source-missing",
		Severity: finding.Error,
		Summary:  "a source object that is referred to does not exist",
		Why:      "The controller reports ArtifactFailed and applies nothing until the source appears; what is in the cluster stays as it is.",
		Fix:      "correct kind, name and namespace of the reference, or add the source object; the namespace is that of the referring object unless one is given",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated("source-not-found", "chart-ref-not-found") {
				f := validate.FromProblem(s.Problem, s.Owner.Object)
				if field := s.Problem.Field; f.Object == s.Owner.Object.Ref() && strings.HasSuffix(field, "Ref") {
					f.Field, f.Pos = field+"/name", s.Owner.Object.At(field+"/name")
				}
				p.Report(f)
			}
		},
	})
}
