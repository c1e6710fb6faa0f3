// Package diff says what differs between two objects, field by field, and what
// a change does to an object in the cluster. Secret values are masked, but a
// changed one is visible as changed.
package diff

import "github.com/flux-rehearse/flux-rehearse/finding"

// Action is what happens to an object.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Recreate  Action = "recreate" // deleted and created again: force, or moved between owners
	Delete    Action = "delete"
	Orphan    Action = "orphan" // stays in the cluster, no owner looks after it any more
	Adopt     Action = "adopt"  // existed before, or belonged to another owner
	Skip      Action = "skip"   // left alone on request (annotations)
	Unchanged Action = "unchanged"
	Fail      Action = "fail"    // the server refuses it
	Blocked   Action = "blocked" // would be applied, but its owner fails or waits before it gets there
)

// FieldKind says how a field differs.
type FieldKind string

// The kinds of field differences.
const (
	Added   FieldKind = "added"
	Removed FieldKind = "removed"
	Changed FieldKind = "changed"
)

// Field is one difference.
type Field struct {
	Pointer string           `json:"pointer"` // JSON pointer; list items by index
	Label   string           `json:"label"`   // for people: spec.containers[web].image
	Kind    FieldKind        `json:"kind"`
	Before  string           `json:"before,omitempty"` // compact YAML, masked for Secrets
	After   string           `json:"after,omitempty"`
	Text    string           `json:"text,omitempty"`    // instead of Before and After of a changed multi-line string: its changed hunks
	Pos     finding.Position `json:"position,omitzero"` // where to edit
}

// Cause is one reason that the server gives for refusing an object.
type Cause struct {
	Field   string           `json:"field"` // as the server writes it: spec.selector
	Message string           `json:"message"`
	Pos     finding.Position `json:"position,omitzero"`
}

// Error is the server's or Flux's own verdict on an object.
type Error struct {
	Reason  string  `json:"reason"` // Invalid, Forbidden, NotFound, ... as in metav1.Status, or Flux's reason
	Message string  `json:"message"`
	Causes  []Cause `json:"causes,omitempty"`
	Hint    string  `json:"hint,omitempty"`
}

// Change is what a replay step does to one object.
type Change struct {
	Object    finding.Ref      `json:"object"`
	Owner     finding.Ref      `json:"owner"`
	Action    Action           `json:"action"`
	Reason    string           `json:"reason,omitempty"` // stable kebab-case code that says why, e.g. forced, moved, prune-disabled
	Pos       finding.Position `json:"position,omitzero"`
	Fields    []Field          `json:"fields,omitempty"`
	Error     *Error           `json:"error,omitempty"`
	Beyond    bool             `json:"beyond,omitempty"` // of a refused object: Flux stops at another one before it gets there
	BlockedBy []finding.Ref    `json:"blockedBy,omitempty"`
	Hook      bool             `json:"hook,omitempty"`
	From      finding.Ref      `json:"from,omitzero"` // previous owner of a moved object
}
