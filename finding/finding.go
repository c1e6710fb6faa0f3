// Package finding holds what the tool tells a user about a mistake: where it
// is, which object it concerns, what is wrong and what to type instead.
// It imports the standard library only.
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Precision says how closely a Position names the place to edit.
type Precision string

// The precisions, from the closest to the widest.
const (
	PrecisionExact    Precision = "exact"    // the value itself
	PrecisionParent   Precision = "parent"   // the nearest existing parent of an absent field
	PrecisionDocument Precision = "document" // the first line of the declaring document
	PrecisionFile     Precision = "file"     // the file, line unknown
	PrecisionOwner    Precision = "owner"    // the Flux object that yields it
	PrecisionNone     Precision = ""         // no place is known
)

// Position is a place in the user's repository. Lines and columns start at 1;
// 0 means unknown. File is slash-separated and relative to the repository.
type Position struct {
	File      string    `json:"file,omitempty"`
	Line      int       `json:"line,omitempty"`
	Col       int       `json:"column,omitempty"`
	EndLine   int       `json:"endLine,omitempty"`
	EndCol    int       `json:"endColumn,omitempty"`
	Precision Precision `json:"precision,omitempty"`
}

// IsZero reports whether no place is known.
func (p Position) IsZero() bool { return p.File == "" }

// String prints file:line:column, as far as known.
func (p Position) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Compare orders positions by file, line and column.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Ref names a Kubernetes object. The group is part of the name, the version is
// not. It is the only map key for objects.
type Ref struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// IsZero reports whether the reference names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String prints Kind/namespace/name, or Kind/name for a cluster-scoped object,
// as Flux prints objects in its events.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// Compare orders references by kind, namespace, name and group.
func (r Ref) Compare(s Ref) int {
	return cmp.Or(cmp.Compare(r.Kind, s.Kind), cmp.Compare(r.Namespace, s.Namespace),
		cmp.Compare(r.Name, s.Name), cmp.Compare(r.Group, s.Group))
}

// Severity ranks a finding.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the cluster would refuse it, or end in a state nobody wants
	Warning Severity = "warning" // the cluster takes it, but likely not as meant
	Info    Severity = "info"    // worth knowing
)

// Rank is higher for a more severe finding; an unknown severity ranks 0.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Problem is a fact that an engine (repo, source, render) states about content.
// It is no finding yet: one rule per Reason makes it one.
type Problem struct {
	Reason  string // stable, kebab-case
	Object  Ref    // the object concerned, if any
	Field   string // JSON pointer into the object, if any
	Pos     Position
	Message string // what is wrong, present tense, no trailing period
	Hint    string // what to type
	Related []Related
}

// Related is a second place that explains a finding.
type Related struct {
	Pos     Position `json:"position"`
	Message string   `json:"message"`
}

// Finding is one mistake, with the place to edit and what to type.
type Finding struct {
	Rule     string    `json:"rule"`
	Severity Severity  `json:"severity"`
	Cluster  string    `json:"cluster,omitempty"`
	Object   Ref       `json:"object,omitzero"`
	Field    string    `json:"field,omitempty"` // JSON pointer
	Pos      Position  `json:"position,omitzero"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`
	Related  []Related `json:"related,omitempty"`
	Chain    []Ref     `json:"chain,omitempty"` // Flux objects from the entry point to the owner
}

// Compare is a total order: by place, rule, object, field, cluster, message.
func Compare(a, b Finding) int {
	return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Rule, b.Rule), a.Object.Compare(b.Object),
		cmp.Compare(a.Field, b.Field), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Message, b.Message),
		cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Hint, b.Hint))
}

// Sort orders findings by Compare and drops those that equal their predecessor
// in everything but the chain.
func Sort(fs []Finding) []Finding {
	slices.SortStableFunc(fs, Compare)
	return slices.CompactFunc(fs, func(a, b Finding) bool { return Compare(a, b) == 0 })
}

// Pointer joins tokens into a JSON pointer (RFC 6901), escaping each.
func Pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// Tokens splits a JSON pointer into its unescaped tokens; "" has none.
func Tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}
