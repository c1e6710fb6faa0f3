package v1

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Base is the name of the step that replays the base revision.
const Base = "base"

// Counted returns a copy of the report with every summary counted, no list nil,
// and the base step, where another follows, reduced to the objects that are
// refused or not reached. What is counted already stays: Counted may be called twice.
func Counted(r Report) Report {
	r.Version = Version
	r.NotSimulated = list(r.NotSimulated)
	r.Findings = finding.Sort(slices.Clone(list(r.Findings)))
	r.Clusters = slices.Clone(list(r.Clusters))
	r.Summary = Summary{}
	for i := range r.Clusters {
		c := counted(r.Clusters[i])
		r.Summary.add(c.Summary)
		for _, f := range r.Findings {
			if f.Cluster == c.Name {
				c.Summary.finding(f.Severity)
			}
		}
		r.Clusters[i] = c
	}
	for _, f := range r.Findings {
		r.Summary.finding(f.Severity)
	}
	return r
}

func counted(c Cluster) Cluster {
	c.Assumptions = list(c.Assumptions)
	c.Coverage.Reasons = list(c.Coverage.Reasons)
	c.Steps = slices.Clone(list(c.Steps))
	c.Summary = Summary{}
	for i, s := range c.Steps {
		s.Notes = list(s.Notes)
		s.Webhooks = slices.Clone(list(s.Webhooks))
		for j, w := range s.Webhooks {
			s.Webhooks[j].Sees, s.Webhooks[j].SeesPodsOf = list(w.Sees), list(w.SeesPodsOf)
		}
		s.Owners = slices.Clone(list(s.Owners))
		for j, o := range s.Owners {
			s.Owners[j].Conditions = list(o.Conditions)
			s.Owners[j].BlockedBy = list(o.BlockedBy)
		}
		if !s.Summarised {
			s.count()
		}
		if s.Name == Base && i < len(c.Steps)-1 {
			s.Summarised = true
			s.Facts, s.Webhooks = nil, nil
			s.Changes = slices.DeleteFunc(slices.Clone(s.Changes), func(ch diff.Change) bool { return ch.Action != diff.Fail && ch.Action != diff.Blocked })
		} else {
			c.Summary.add(s.Summary)
		}
		s.Changes, s.Facts, s.Webhooks = list(s.Changes), list(s.Facts), list(s.Webhooks)
		c.Steps[i] = s
	}
	return c
}

func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Settled reports whether the owner ends as its author wants: ready, suspended
// on request, or rendered and of a kind that has no conditions.
func (o Owner) Settled() bool {
	return o.Ready.Status == "True" || o.State == Suspended || o.Ready.Status == "" && o.State == Rendered
}

func (s *Step) count() {
	s.Summary = Summary{}
	counts := s.Summary.actions()
	for _, c := range s.Changes {
		if n := counts[c.Action]; n != nil {
			*n++
		}
	}
	for _, o := range s.Owners {
		if !o.Settled() && o.State != Unknown {
			s.Summary.NotReady++
		}
	}
}

func (s *Summary) actions() map[diff.Action]*int {
	return map[diff.Action]*int{
		diff.Create: &s.Create, diff.Update: &s.Update, diff.Recreate: &s.Recreate, diff.Delete: &s.Delete,
		diff.Orphan: &s.Orphan, diff.Adopt: &s.Adopt, diff.Skip: &s.Skip, diff.Unchanged: &s.Unchanged,
		diff.Fail: &s.Fail, diff.Blocked: &s.Blocked,
	}
}

func (s *Summary) add(o Summary) {
	mine, other := s.actions(), o.actions()
	for action, n := range mine {
		*n += *other[action]
	}
	s.NotReady += o.NotReady
	s.Errors += o.Errors
	s.Warnings += o.Warnings
	s.Infos += o.Infos
}

func (s *Summary) finding(severity finding.Severity) {
	switch severity {
	case finding.Error:
		s.Errors++
	case finding.Warning:
		s.Warnings++
	case finding.Info:
		s.Infos++
	}
}
