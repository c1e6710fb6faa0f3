package finding

import "cmp"

// Fact is something that a reviewer has to know about what a change does to a
// cluster. It is derived from a replay, and is no mistake by itself.
type Fact struct {
	Fact     string   `json:"fact"` // id of its kind, as explain takes it
	Severity Severity `json:"severity"`
	Object   Ref      `json:"object"`
	Owner    Ref      `json:"owner,omitzero"`  // Flux object that does it
	Field    string   `json:"field,omitempty"` // JSON pointer
	Pos      Position `json:"position,omitzero"`
	Message  string   `json:"message"`
	From     string   `json:"from,omitempty"`   // value before, where the fact is about one value
	To       string   `json:"to,omitempty"`     // value after
	Others   []Ref    `json:"others,omitempty"` // what else is concerned: objects that go with it, its other owner
	Check    string   `json:"check,omitempty"`  // what to look at or to type before merging
}

// CompareFacts is a total order: the most severe first, then by kind, object,
// owner, field and message.
func CompareFacts(a, b Fact) int {
	return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Fact, b.Fact), a.Object.Compare(b.Object),
		a.Owner.Compare(b.Owner), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
}
