package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "yaml/syntax",
		Severity: finding.Error,
		Summary:  "a YAML file cannot be read",
		Why:      "A build that takes the file fails as a whole.",
		Fix:      "correct the syntax at this place",
		Since:    "0.1.0",
		Reads:    validate.ReadsTree,
		Check:    func(p *validate.Pass) { liftTree(p, "yaml-syntax", "file-unreadable", "file-too-large") },
	})
}

// liftTree reports the Problems of reading the repository with one of these reasons.
func liftTree(p *validate.Pass, reasons ...string) {
	for _, problem := range p.Tree.Problems() {
		for _, r := range reasons {
			if problem.Reason == r {
				p.Report(validate.FromProblem(problem, nil))
			}
		}
	}
}
