package facts

import (
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var fieldDropped = Kind{
	ID: "field-dropped", Severity: finding.Warning,
	Summary: "Flux drops a field of a built-in kind, which does not have it",
	Why: `A Kustomization reads built-in kinds into their types before it applies them. A field whose name or place is wrong is lost there: nobody
refuses it, Flux reports the object as applied, and what it should have set stays as the server has it, or goes away. In custom resources and in
charts the server refuses such a field.`,
	Check: "correct the name or the indentation of the field, or remove it",
	find:  findFieldDropped,
}

// Dropped is a field that an object declares and that Flux does not apply.
type Dropped struct {
	Ref, Owner finding.Ref
	Field      string // JSON pointer
	Suggestion string // field that is likely meant, empty for none
	Pos        finding.Position
}

func findFieldDropped(s Step) []finding.Fact {
	var out []finding.Fact
	for _, d := range s.Dropped {
		tokens := finding.Tokens(d.Field)
		f := finding.Fact{Object: d.Ref, Owner: d.Owner, Field: d.Field, Pos: d.Pos,
			Message: "is applied without the field " + strconv.Quote(tokens[len(tokens)-1]) + ", which its kind does not have there"}
		if d.Suggestion != "" {
			f.Check = "write " + d.Suggestion
		}
		out = append(out, f)
	}
	return out
}
