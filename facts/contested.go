package facts

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var contested = Kind{
	ID: "contested", Severity: finding.Error,
	Summary: "two Flux objects apply the same object",
	Why: `A Kustomization writes it at every interval, a HelmRelease at each upgrade and each correction of drift. Fields on which they
differ flip forever, with a rollout each time where they are part of a pod template, and the one that stops applying it may
delete it for both. The fields are those that the API server holds differently after the one and after the other.`,
	Check: "let one of them apply it",
	find:  findContested,
}

func findContested(s Step) []finding.Fact {
	claims := map[finding.Ref][]Owner{}
	for _, o := range s.Owners {
		if o.After == nil || truth(o.After, "spec", "suspend") {
			continue
		}
		for ref := range o.Rendered {
			claims[ref] = append(claims[ref], o)
		}
	}
	var out []finding.Fact
	for ref, list := range claims {
		slices.SortFunc(list, func(a, b Owner) int { return a.Ref.Compare(b.Ref) })
		for _, other := range list[1:] {
			out = append(out, contest{ref, list[0], other}.fact())
		}
	}
	return out
}

// contest is an object that two owners apply.
type contest struct {
	object        finding.Ref
	first, second Owner
}

func (c contest) fact() finding.Fact {
	f := finding.Fact{Object: c.object, Owner: c.first.Ref, Others: []finding.Ref{c.second.Ref}, Severity: finding.Warning,
		Pos:     c.first.place(c.object, ""),
		Message: "is applied by " + c.first.Ref.String() + " and by " + c.second.Ref.String() + " with the same content"}
	fields := c.turns()
	if len(fields) == 0 {
		return f
	}
	f.Severity, f.Field, f.Pos = finding.Error, fields[0].Pointer, c.first.place(c.object, fields[0].Pointer)
	var words []string
	for _, field := range fields[:min(len(fields), maxContested)] {
		words = append(words, field.Label+c.places(field.Pointer))
	}
	if more := len(fields) - maxContested; more > 0 {
		words = append(words, counted(more, "more field"))
	}
	f.Message = "is applied by " + c.first.Ref.String() + " and by " + c.second.Ref.String() + ", which set by turns: " + strings.Join(words, ", ")
	return f
}

// maxContested is how many fields are named.
const maxContested = 5

// turns lists the fields that are not the same when the one or the other has
// just applied the object: as the server says, or else as both declare them.
func (c contest) turns() []diff.Field {
	a, b := c.first.Made[c.object], c.second.Made[c.object]
	declared := a == nil || b == nil
	if declared {
		a, b = c.first.Rendered[c.object], c.second.Rendered[c.object]
	}
	return slices.DeleteFunc(diff.Objects(a, b), func(f diff.Field) bool { return declared && f.Kind != diff.Changed || marksOwner(f.Pointer) })
}

// marksOwner reports whether a field only says who has applied an object.
func marksOwner(pointer string) bool {
	tokens := finding.Tokens(pointer)
	if len(tokens) != 3 || tokens[0] != "metadata" {
		return false
	}
	prefix, name, _ := strings.Cut(tokens[2], "/")
	switch prefix {
	case kustomizeGroup, helmGroup, operatorGroup, "resourceset." + operatorGroup:
		return name == "name" || name == "namespace"
	}
	return prefix == "meta.helm.sh"
}

// places says where both declare a field.
func (c contest) places(pointer string) string {
	a, b := c.first.place(c.object, pointer), c.second.place(c.object, pointer)
	if a.IsZero() || b.IsZero() || a == b {
		return ""
	}
	return " (" + line(a) + " and " + line(b) + ")"
}

// line is the file and line of a place.
func line(p finding.Position) string {
	p.Col = 0
	return p.String()
}

func (o Owner) place(object finding.Ref, pointer string) finding.Position {
	if o.Place == nil {
		return finding.Position{}
	}
	return o.Place(object, pointer)
}
