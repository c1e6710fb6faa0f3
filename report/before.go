package report

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// NewFailures counts the objects that are refused or not reached in the last step
// of a cluster, and the Flux objects that do not end ready, without what was so
// in the same way in the step that replays the base revision.
func NewFailures(c v1.Cluster) int {
	n := len(c.Steps)
	if n == 0 {
		return 0
	}
	last := &c.Steps[n-1]
	var was *v1.Step
	if n > 1 && c.Steps[0].Name == v1.Base {
		was = &c.Steps[0]
	}
	out := 0
	for _, sec := range sections(last) {
		if sec.owner.Ready.Status == "False" && sec.owner.State != v1.Suspended && !sec.asBefore(was) {
			out++
		}
		for _, ch := range sec.changes {
			if (ch.Action == diff.Fail || ch.Action == diff.Blocked) && !failed(was, ch) {
				out++
			}
		}
	}
	return out
}

// known reports whether all that is to say of the owner is that it fails as it
// did before, or that its result is as unknown as it was.
func (s section) known(was *v1.Step) bool {
	if was == nil || !s.broken() && s.owner.State != v1.Unknown || !s.owner.Settled() && !s.asBefore(was) {
		return false
	}
	return !slices.ContainsFunc(s.changes, func(c diff.Change) bool {
		return c.Action != diff.Unchanged && !failed(was, c)
	})
}

// brief writes an owner that fails as it did before.
func (p *printer) brief(sec section, was *v1.Step) {
	p.head(sec)
	if !sec.owner.Settled() {
		p.condition(sec, was)
	}
	var blocked []string
	for _, c := range sec.changes {
		if c.Action == diff.Blocked {
			blocked = append(blocked, c.Object.String())
		}
		if c.Action != diff.Fail {
			continue
		}
		line := []span{{red, marks[diff.Fail].symbol + " "}, {bold, c.Object.String()}, text(" " + remark(c, marks[diff.Fail]))}
		if !c.Pos.IsZero() {
			line = append(line, span{dim, "   " + c.Pos.String()})
		}
		p.line(objectIndent, line...)
	}
	p.blocked(blocked)
	p.line(0)
}

// failed reports whether an object that is refused or not reached was so before.
func failed(was *v1.Step, c diff.Change) bool {
	return was != nil && (c.Action == diff.Fail || c.Action == diff.Blocked) && slices.ContainsFunc(was.Changes, func(b diff.Change) bool {
		return b.Action == c.Action && b.Object == c.Object && b.Owner == c.Owner
	})
}

// asBefore reports whether the owner was not ready for the same reason before.
// After the first line of a message, controllers list what else they did.
func (s section) asBefore(was *v1.Step) bool {
	before, ok := ownerOf(was, s.owner.Object)
	then, now := before.Ready, s.owner.Ready
	then.Message, _, _ = strings.Cut(then.Message, "\n")
	now.Message, _, _ = strings.Cut(now.Message, "\n")
	return ok && then == now
}

func ownerOf(s *v1.Step, ref finding.Ref) (v1.Owner, bool) {
	if s == nil {
		return v1.Owner{}, false
	}
	i := slices.IndexFunc(s.Owners, func(o v1.Owner) bool { return o.Object == ref })
	if i < 0 {
		return v1.Owner{}, false
	}
	return s.Owners[i], true
}
