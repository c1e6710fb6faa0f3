package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// writeText writes for a person: what would happen, what is wrong and where,
// and at the end the counts.
func writeText(w io.Writer, r Report, o Options) error {
	p := newPrinter(w, o)
	for _, c := range r.Clusters {
		p.stated = statedBy(r.Findings, c.Name)
		p.plan(c, r.Revisions)
	}
	for _, g := range grouped(r.Findings) {
		p.finding(g, len(r.Clusters) > 1)
	}
	p.summary(r)
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// group is one finding in all clusters that have it.
type group struct {
	finding.Finding
	clusters []string
}

// grouped joins findings that differ in their cluster only, at the place of the first.
func grouped(findings []finding.Finding) []group {
	var out []group
	index := map[string]int{}
	for _, f := range findings {
		same := f
		same.Cluster, same.Chain, same.Related = "", nil, nil
		key := fmt.Sprintf("%#v", same)
		i, known := index[key]
		if !known {
			i = len(out)
			index[key] = i
			out = append(out, group{Finding: f})
		}
		if f.Cluster != "" && !slices.Contains(out[i].clusters, f.Cluster) {
			out[i].clusters = append(out[i].clusters, f.Cluster)
		}
	}
	return out
}

var severityStyles = map[finding.Severity]style{finding.Error: red, finding.Warning: yellow, finding.Info: blue}

// finding writes one mistake: what, where with the line, and what to type.
func (p *printer) finding(g group, several bool) {
	start := string(g.Severity) + "[" + g.Rule + "]"
	p.paragraph(0, 4, []span{{severityStyles[g.Severity], start}, {bold, ": "}}, span{bold, shortMessage(g.Message)})
	gutter := p.place(0, g.Pos, subject{g.Object, g.Field})
	for _, rel := range g.Related {
		body := rel.Message
		if !rel.Pos.IsZero() {
			body += ": " + rel.Pos.String()
		}
		p.note(0, gutter, "note", body)
	}
	if g.Hint != "" {
		p.note(0, gutter, "help", g.Hint)
	}
	if len(g.Chain) > 0 {
		if g.Object.Kind == "HelmRelease" {
			g.Chain = append(slices.Clone(g.Chain), g.Object)
		}
		p.note(0, gutter, "", "in "+chain(g.Chain))
	}
	if several && len(g.clusters) > 0 {
		noun := "cluster"
		if len(g.clusters) > 1 {
			noun = "clusters"
		}
		p.note(0, gutter, "", "in "+noun+" "+strings.Join(g.clusters, ", "))
	}
	p.line(0)
}

// chain writes the owners from the nearest to the entry point.
func chain(refs []finding.Ref) string {
	words := make([]string, len(refs))
	for i, ref := range refs {
		words[len(refs)-1-i] = ref.String()
	}
	return strings.Join(words, ", from ")
}
