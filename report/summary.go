package report

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// summary writes the counts, what was seen, and what the result rests on.
func (p *printer) summary(r Report) {
	for _, c := range r.Clusters {
		name := c.Name
		if c.Dir != "" && c.Dir != c.Name {
			name += " (" + c.Dir + ")"
		}
		p.line(0, span{bold, "Cluster " + name})
		if len(c.Steps) > 0 {
			p.paragraph(2, 8, []span{text("Plan: ")}, text(planned(c.Summary)))
		}
		p.paragraph(2, 4, nil, text(covered(c.Coverage)))
		for _, a := range c.Assumptions {
			body := a.Text
			if !a.Pos.IsZero() {
				body += " (" + a.Pos.String() + ")"
			}
			p.paragraph(2, 4, []span{text("Assumed: ")}, text(shortMessage(body)))
		}
	}
	if len(r.NotSimulated) > 0 {
		p.paragraph(0, 4, []span{{bold, "Not simulated: "}}, text(strings.Join(r.NotSimulated, "; ")))
	}
	if len(r.Clusters) > 1 && r.Command == v1.Simulate {
		p.paragraph(0, 4, []span{{bold, "All clusters: "}}, text(planned(r.Summary)))
	}
	if r.Command != v1.Simulate || len(r.Findings) > 0 {
		p.line(0, text(found(grouped(r.Findings))))
	}
}

// tally joins the counts that are not zero.
type tally []string

func (t *tally) add(n int, words string) {
	if n > 0 {
		*t = append(*t, fmt.Sprintf("%d %s", n, words))
	}
}

// planned says in words what happens to objects.
func planned(s v1.Summary) string {
	var t tally
	t.add(s.Create, "to create")
	t.add(s.Update, "to change")
	t.add(s.Recreate, "to recreate")
	t.add(s.Delete, "to delete")
	t.add(s.Adopt, "to take over")
	t.add(s.Orphan, "left without an owner")
	t.add(s.Skip, "left alone on request")
	t.add(s.Fail, "refused")
	t.add(s.Blocked, "blocked")
	if len(t) == 0 {
		t = tally{"nothing changes"}
	}
	t.add(s.Unchanged, "unchanged")
	if s.NotReady > 0 {
		t = append(t, count(s.NotReady, "Flux object")+" not ready")
	}
	return strings.Join(t, ", ")
}

// covered says how much of a cluster was seen, and why not all.
func covered(c v1.Coverage) string {
	parts := []string{fmt.Sprintf("rendered %d of %s, %s", c.Rendered, count(c.FluxObjects, "Flux object"), count(c.Objects, "object"))}
	for _, s := range []struct {
		state v1.State
		n     int
	}{{v1.Unknown, c.Unknown}, {v1.Suspended, c.Suspended}, {v1.Blocked, c.Blocked}, {v1.Failed, c.Failed}} {
		if s.n == 0 {
			continue
		}
		var why tally
		for _, r := range c.Reasons {
			if r.State == s.state && r.Reason != "" && r.Reason != string(s.state) {
				why.add(r.Count, r.Reason)
			}
		}
		part := fmt.Sprintf("%d %s", s.n, s.state)
		if len(why) > 0 {
			part += ": " + strings.Join(why, ", ")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// found counts the findings, as often as they are shown: a mistake in a file
// that two clusters share is one.
func found(groups []group) string {
	var parts []string
	counts := map[finding.Severity]int{}
	for _, g := range groups {
		counts[g.Severity]++
	}
	for _, f := range []struct {
		severity finding.Severity
		noun     string
	}{{finding.Error, "error"}, {finding.Warning, "warning"}, {finding.Info, "remark"}} {
		if n := counts[f.severity]; n > 0 {
			parts = append(parts, count(n, f.noun))
		}
	}
	if len(parts) == 0 {
		return "No findings"
	}
	return "Found " + strings.Join(parts, ", ")
}
