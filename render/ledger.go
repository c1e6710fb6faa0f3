package render

import "strings"

// Use says what becomes of a field of a Flux object here.
type Use string

// The uses.
const (
	UseRendered Use = "rendered" // decides what Render yields, or whether the owner is rendered at all
	UseChecked  Use = "checked"  // decides nothing of what is rendered or replayed; rules look at it
	UseReplayed Use = "replayed" // decides how objects get into a cluster, not which: a matter of the replay
	UseNone     Use = "none"     // means nothing without a running cluster
	UseUnknown  Use = "unknown"  // matters in a cluster, and is not followed here
)

// Field is a field of a Flux kind and what becomes of it.
type Field struct {
	Path     string   // spec.install.crds; [] marks the items of a list
	Versions []string // API versions that have it, empty for the current one
	Use      Use
	Rules    []string // ids of the rules that report mistakes in it
	Why      string
}

// Ledger says of every field of a Flux kind what becomes of it.
type Ledger struct {
	Kind     string
	Rows     []LedgerRow
	Metadata []LedgerRow // labels and annotations that the controller reads
}

// LedgerRow stands for fields with one fate.
type LedgerRow struct {
	Use      Use
	Parent   string // of all names: spec.install.
	Names    string // separated by blanks
	Versions string // API versions that have the fields, separated by blanks, when the current one does not
	Rules    string // ids of rules, separated by blanks
	Why      string
}

// Fields lists the fields in the order of the rows.
func (l Ledger) Fields() []Field { return fieldsOf(l.Rows) }

// Labels lists the labels and annotations in the order of the rows.
func (l Ledger) Labels() []Field { return fieldsOf(l.Metadata) }

func fieldsOf(rows []LedgerRow) []Field {
	var out []Field
	for _, row := range rows {
		for _, name := range strings.Fields(row.Names) {
			out = append(out, Field{
				Path: row.Parent + name, Versions: strings.Fields(row.Versions),
				Use: row.Use, Rules: strings.Fields(row.Rules), Why: row.Why,
			})
		}
	}
	return out
}
