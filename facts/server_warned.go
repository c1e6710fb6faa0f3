package facts

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var serverWarned = Kind{
	ID: "server-warned", Severity: finding.Warning,
	Summary: "the API server takes an object with a warning, would note it in its audit log, or may refuse it in another cluster",
	Why: `A policy in the modes Warn or Audit, a Pod Security level that only warns, and whatever the server finds doubtful let the object
through. The server here also takes every node port and addresses of both families, since nothing in a repository tells what its cluster
has; a cluster that has less refuses such a Service. Flux passes no warning on: nobody sees it after the merge. A policy that only audits says nothing at all but in the log of the server.`,
	Check: "meet the policy or mend the field; the mode may be Deny tomorrow",
	find:  findServerWarned,
}

// Notice is what the API server says to an object without refusing it now.
type Notice struct {
	Ref, Owner finding.Ref
	Field      string // JSON pointer, empty for the whole object
	Upgrade    bool   // said at the next upgrade of a release, not before
	Message    string
	Check      string // what to do, empty for what is usual
	At         func(pointer string) finding.Position
}

// grave are parts of warnings that say that a rule is broken, not that a field
// is doubtful.
var grave = []string{"ValidatingAdmissionPolicy", "violate", "deprecated", "unknown field", "is refused by a cluster"}

func findServerWarned(s Step) []finding.Fact {
	var out []finding.Fact
	for _, n := range s.Warned {
		if strings.Contains(n.Message, "violate PodSecurity") && slices.ContainsFunc(s.Refused, func(v Verdict) bool { return v.Ref == n.Ref }) {
			continue // its pods are refused for it
		}
		f := n.fact()
		f.Severity = finding.Info
		for _, part := range grave {
			if strings.Contains(n.Message, part) {
				f.Severity = finding.Warning
			}
		}
		out = append(out, f)
	}
	return out
}

func (n Notice) fact() finding.Fact {
	f := finding.Fact{Object: n.Ref, Owner: n.Owner, Field: n.Field, Message: n.Message, Check: n.Check}
	if n.At != nil {
		f.Pos = n.At(n.Field)
	}
	return f
}
