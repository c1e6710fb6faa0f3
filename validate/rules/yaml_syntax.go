package rules

import (
	"bytes"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("malformed-yaml")
	register(validate.Rule{
		ID:       "yaml/syntax",
		Severity: finding.Warning,
		Summary:  "a YAML file cannot be read",
		Why: "A build that takes the file fails as a whole, so an error is reported where one does. " +
			"A file that no build takes and that has the marks of a template language is passed over.",
		Fix:   "correct the syntax at this place",
		Since: "0.1.0",
		Reads: validate.ReadsTree,
		Check: func(p *validate.Pass) {
			reportFiles(p, "malformed-yaml", "yaml-syntax", "file-unreadable", "file-too-large")
		},
	})
}

// reportFiles reports the Problems of reading files, as errors where a build
// stumbles over one, which it states with the first reason. Reading gives the
// closer place, so what a build states is reported only where reading did not.
func reportFiles(p *validate.Pass, built string, read ...string) {
	failing := stumbles(p, built)
	known := map[string]bool{}
	for _, problem := range p.Tree.Problems() {
		if !slices.Contains(read, problem.Reason) {
			continue
		}
		f := validate.FromProblem(problem, nil)
		taken := false
		for _, b := range failing {
			if b.Pos.File != f.Pos.File {
				continue
			}
			f.Severity, f.Cluster, f.Object, f.Chain = b.Severity, b.Cluster, b.Object, b.Chain
			p.Report(f)
			taken, known[f.Pos.File] = true, true
		}
		if !taken && !template(p, f.Pos.File) {
			p.Report(f)
		}
	}
	for _, b := range failing {
		if !known[b.Pos.File] {
			p.Report(b)
		}
	}
}

// stumbles lists what builds of all clusters state with the reason.
func stumbles(p *validate.Pass, reason string) []finding.Finding {
	var out []finding.Finding
	for _, w := range p.Worlds {
		pass := *p
		pass.World = w
		for _, s := range pass.Stated(reason) {
			f := validate.FromProblem(s.Problem, s.Owner.Object)
			f.Severity, f.Cluster = finding.Error, w.Entry.Name
			out = append(out, f)
		}
	}
	return out
}

// template reports whether a file has the marks of a template language.
func template(p *validate.Pass, name string) bool {
	file := p.Tree.File(name)
	if file == nil {
		return false
	}
	data, err := file.Data()
	return err == nil && slices.ContainsFunc([]string{"{{", "{%", "<%", "<<", "#{"}, func(mark string) bool {
		return bytes.Contains(data, []byte(mark))
	})
}
