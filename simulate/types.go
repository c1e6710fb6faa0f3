// Package simulate replays reconciliation against a real API server: it applies,
// prunes and upgrades what each Flux object of a cluster yields, in the order in
// which the controllers would, and records what the server says.
package simulate

import (
	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Owner is a Flux object at the end of a step.
type Owner struct {
	Ref        finding.Ref      `json:"object"`
	APIVersion string           `json:"apiVersion"`
	Ready      render.Condition `json:"ready"`
	Conditions []NamedCondition `json:"conditions,omitempty"` // other than Ready
	State      render.State     `json:"state"`
	Reason     string           `json:"reason,omitempty"`            // stable kebab-case code
	Revision   string           `json:"revision,omitempty"`          // last applied
	Attempted  string           `json:"attemptedRevision,omitempty"` // last attempted
	Inventory  []string         `json:"inventory,omitempty"`         // "<ns>_<name>_<group>_<kind> <version>"
	History    []string         `json:"history,omitempty"`           // "<ns>/<name>.v1 chart=c@1.0.0 status=deployed"
	Pos        finding.Position `json:"position,omitzero"`
	Edit       finding.Position `json:"edit,omitzero"` // the line of the owner itself that keeps it from being ready, if one does
	BlockedBy  []finding.Ref    `json:"blockedBy,omitempty"`
	Hint       string           `json:"hint,omitempty"` // what to do when it is not ready
}

// NamedCondition is a condition with its type.
type NamedCondition struct {
	Type string `json:"type"`
	render.Condition
}

// Event is one line of what a controller would tell in an event.
type Event struct {
	Object  finding.Ref `json:"object"`
	Type    string      `json:"type"` // Normal, Warning
	Reason  string      `json:"reason"`
	Message string      `json:"message"`
}

// Webhook is an admission webhook of the cluster. It is not called, since its
// pods do not run.
type Webhook struct {
	Configuration finding.Ref
	Name          string
	Sees          []finding.Ref // objects that the step creates, changes or deletes, and that it would be asked about
	SeesPods      []finding.Ref // workloads that the step changes, and whose pods it would be asked about
	Conditional   bool          // its conditions may spare some of them
	Ignored       bool          // what it cannot be asked about passes
}

// Step is what one revision did to the cluster: base, head, or resync.
type Step struct {
	Name     string            `json:"name"`
	Changes  []diff.Change     `json:"changes"`         // sorted by owner in order of reconciliation, then by object
	Owners   []Owner           `json:"owners"`          // sorted by ref
	Facts    []finding.Fact    `json:"facts,omitempty"` // the most severe first
	Open     []Precedence      `json:"-"`               // orders that the controllers leave open, and that were not taken
	Events   []Event           `json:"events,omitempty"`
	Assumed  []repo.Assumption `json:"-"`               // of the cluster, where it runs the first step already
	Notes    []string          `json:"notes,omitempty"` // webhooks that would have been asked, placeholder CRDs, orders assumed
	Uncalled []Webhook         `json:"-"`               // sorted
}
