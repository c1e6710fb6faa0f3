// Package v1 holds the types that the tool writes for machines. Field names and
// codes are stable: within this version they are added, never renamed, removed
// or reused. Lists are never null.
package v1

import (
	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Version is the value of Report.Version.
const Version = "v1"

// Report is what one run of the tool says.
type Report struct {
	Version      string            `json:"version"` // version of this format, always "v1"
	Tool         Tool              `json:"tool"`
	Command      Command           `json:"command"`
	Revisions    Revisions         `json:"revisions"`
	Clusters     []Cluster         `json:"clusters"`
	Findings     []finding.Finding `json:"findings"`     // sorted by place
	NotSimulated []string          `json:"notSimulated"` // what a real cluster does and this run did not
	Summary      Summary           `json:"summary"`      // sum over clusters and findings
	ExitCode     int               `json:"exitCode"`     // 0 nothing to report, 1 findings or changes at or above the threshold, 2 wrong usage, 3 the tool could not do its work
}

// Tool says what wrote the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Command is the subcommand that ran.
type Command string

// The commands.
const (
	Validate Command = "validate"
	Simulate Command = "simulate"
	Render   Command = "render"
)

// Revisions names what was compared, as the user named it. Base is empty where
// one revision alone was looked at.
type Revisions struct {
	Base string `json:"base,omitempty"`
	Head string `json:"head,omitempty"`
}

// Cluster is what the run says about one cluster of the repository.
type Cluster struct {
	Name              string           `json:"name"`
	Dir               string           `json:"dir"`   // folder that the root Kustomization applies
	Found             string           `json:"found"` // how the cluster was found: gotk-sync, flux-instance, graph-root, directory, explicit
	Pos               finding.Position `json:"position,omitzero"`
	FluxVersion       string           `json:"fluxVersion"`
	KubernetesVersion string           `json:"kubernetesVersion"`
	Assumptions       []Assumption     `json:"assumptions"`
	Coverage          Coverage         `json:"coverage"`
	Steps             []Step           `json:"steps"`   // in the order in which they were replayed, none for validate
	Summary           Summary          `json:"summary"` // of every step but the base, and of the findings in this cluster
}

// Assumption is something that the repository does not say and the tool takes for granted.
type Assumption struct {
	Text string           `json:"text"`
	Pos  finding.Position `json:"position,omitzero"`
}

// Coverage says how much of a cluster was seen.
type Coverage struct {
	FluxObjects int      `json:"fluxObjects"` // Flux objects that yield others; the sum of the states below
	Rendered    int      `json:"rendered"`
	Suspended   int      `json:"suspended"`
	Unknown     int      `json:"unknown"`
	Blocked     int      `json:"blocked"`
	Failed      int      `json:"failed"`
	Objects     int      `json:"objects"` // objects of all kinds that would be in the cluster
	Reasons     []Reason `json:"reasons"` // why Flux objects were not rendered, sorted by state and reason
}

// Reason counts the Flux objects that are in a state for one reason.
type Reason struct {
	State  State  `json:"state"`
	Reason string `json:"reason"` // stable kebab-case code
	Count  int    `json:"count"`
}

// State is how far a Flux object gets.
type State string

// The states.
const (
	Rendered  State = "rendered"
	Suspended State = "suspended"
	Unknown   State = "unknown"
	Blocked   State = "blocked"
	Failed    State = "failed"
)

// Step is what one revision did to a cluster.
type Step struct {
	Name       string         `json:"name"`       // base, head, resync
	Summarised bool           `json:"summarised"` // changes holds only objects that are refused or not reached; summary counts all
	Owners     []Owner        `json:"owners"`     // Flux objects at the end of the step, sorted by reference
	Changes    []diff.Change  `json:"changes"`    // by owner in the order of reconciliation, then by object
	Facts      []finding.Fact `json:"facts"`      // what a reviewer has to know, the most severe first; none of a summarised step
	Notes      []string       `json:"notes"`      // webhooks that would have been asked about a change, what was taken for granted
	Webhooks   []Webhook      `json:"webhooks"`   // admission webhooks of the cluster, none of which was called, sorted by configuration and name; none of a summarised step
	Summary    Summary        `json:"summary"`
}

// Webhook is an admission webhook, which was not called since its pods do not
// run. In a cluster it is asked about the objects that it sees.
type Webhook struct {
	Configuration finding.Ref   `json:"configuration"`
	Name          string        `json:"name"`
	Sees          []finding.Ref `json:"sees"`        // objects that the step creates, changes or deletes
	SeesPodsOf    []finding.Ref `json:"seesPodsOf"`  // workloads that the step creates or changes
	Conditional   bool          `json:"conditional"` // its conditions may spare some of them
	Ignored       bool          `json:"ignored"`     // what it cannot be asked about passes (failurePolicy: Ignore)
}

// Owner is a Flux object at the end of a step.
type Owner struct {
	Object            finding.Ref      `json:"object"`
	State             State            `json:"state"`
	Reason            string           `json:"reason,omitempty"` // stable kebab-case code
	Ready             Condition        `json:"ready"`
	Conditions        []Condition      `json:"conditions"`                  // other than Ready
	Revision          string           `json:"revision,omitempty"`          // last applied
	AttemptedRevision string           `json:"attemptedRevision,omitempty"` // last attempted
	Pos               finding.Position `json:"position,omitzero"`
	Edit              finding.Position `json:"edit,omitzero"` // the line of the object itself that keeps it from being ready, where one does
	BlockedBy         []finding.Ref    `json:"blockedBy"`
	Hint              string           `json:"hint,omitempty"` // what to type when it is not ready
}

// Condition is a condition as the controller writes it. The type of the Ready
// condition may be left out.
type Condition struct {
	Type    string `json:"type,omitempty"`
	Status  string `json:"status"` // True, False, Unknown
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Summary counts changes by action and findings by severity.
type Summary struct {
	Create    int `json:"create"`
	Update    int `json:"update"`
	Recreate  int `json:"recreate"`
	Delete    int `json:"delete"`
	Orphan    int `json:"orphan"`
	Adopt     int `json:"adopt"`
	Skip      int `json:"skip"`
	Unchanged int `json:"unchanged"`
	Fail      int `json:"fail"`
	Blocked   int `json:"blocked"`
	NotReady  int `json:"notReady"` // Flux objects that do not end ready, without suspended and unknown ones
	Errors    int `json:"errors"`
	Warnings  int `json:"warnings"`
	Infos     int `json:"infos"`
}
