package rules

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

// unusable are the reasons for which a source or a chart yields nothing.
var unusable = []string{
	"source-url", "source-ref", "source-content", "source-include", "source-chart", "source-no-artifact", "source-kind",
	"chart-reference", "chart-version", "chart-values-files", "chart-dependency", "chart-package", "chart-tag-mismatch",
	"artifact-generator",
}

func init() {
	claim(unusable...)
	register(validate.Rule{
		ID:       "reference/source-unusable",
		Severity: finding.Error,
		Summary:  "a source exists but yields nothing that can be used",
		Why:      "The source or the chart never becomes ready, so whoever uses it keeps the old content or is never applied.",
		Fix:      "correct the URL, reference, version or path of the source",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated(unusable...) {
				if invalid(p, s.Owner.Object) {
					continue
				}
				if o := p.World.Object(s.Problem.Object); o == nil || !mistyped(o) {
					reportSource(p, s)
				}
			}
		},
	})
}

// reportSource blames the source object where the Problem is about one, and
// says who uses it.
func reportSource(p *validate.Pass, s validate.Statement) {
	f := validate.FromProblem(s.Problem, s.Owner.Object)
	o := p.World.Object(s.Problem.Object)
	if o == nil || f.Object == s.Owner.Object.Ref() || o.Origin.Doc == nil {
		p.Report(f)
		return
	}
	user := s.Owner.Object.Ref()
	if s.Problem.Field != "" {
		f.Related = append(f.Related, finding.Related{Pos: f.Pos, Message: fmt.Sprintf("%s uses it here", user)})
		f.Pos = o.At(s.Problem.Field)
	}
	f.Chain = o.Chain()
	p.Report(f)
}
