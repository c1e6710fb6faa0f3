// Package facts says what a reviewer has to know about a replayed change: not
// which fields differ, but what that does to data, privileges and running
// workloads. A kind of fact is one file and one value in the registry.
package facts

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Kind is a kind of fact, with its documentation.
type Kind struct {
	ID       string
	Severity finding.Severity // the usual one
	Summary  string           // what is so, completes "the replay shows that"
	Why      string
	Check    string // what to do before merging
	find     func(Step) []finding.Fact
}

// Step is what a replay did to a cluster, as far as facts need to know it.
type Step struct {
	Empty     bool // it began with an empty cluster: there is nothing that objects were before
	Objects   []Object
	Postponed []Object // what owners that fail or wait delete as soon as they apply
	Owners    []Owner
	Orphans   []Orphan
	Orders    []Order
	Refused   []Verdict        // workloads whose pods the API server refuses
	Quotas    []Quota          // what limits less than is asked for
	Warned    []Notice         // what the API server warns of
	Later     []Notice         // what it refuses when its owner applies it again
	Altered   []Alteration     // what it makes something else of then
	Dropped   []Dropped        // fields that Flux loses
	Workloads []map[string]any // what runs pods in the cluster at the end

	// What the cluster holds at the end, where the step may concern it.
	Selectors []map[string]any // objects that select pods
	Runners   []map[string]any // objects that describe pods
	Routes    []map[string]any // objects that say where the requests for a host go
	Services  []map[string]any
	Roles     []map[string]any // cluster roles
	Storage   []map[string]any // PersistentVolumes and StorageClasses

	Declared func(finding.Ref) bool // somebody in the repository applies it or has applied it; nil: everything is
	Held     func(finding.Ref) bool // the cluster has it at the end; nil: that is not known
}

// Object is an object that was changed, before and after. Both come from the
// server; nil means that it did not or does not exist.
type Object struct {
	Ref, Owner, From finding.Ref // From is the previous owner
	Action           diff.Action
	Reason           string
	Before, After    map[string]any
	Instances        []finding.Ref    // objects of the kind that a CustomResourceDefinition defined before it went
	Written          []map[string]any // objects of the kind of a CustomResourceDefinition that serves a version no more
	At               func(pointer string) finding.Position
}

// Owner is a Flux object, before and after.
type Owner struct {
	Ref           finding.Ref
	Before, After map[string]any
	Pending       []diff.Change                  // what it would do, were it not suspended
	Piled         []diff.Change                  // what it would have done before the step, had it not been suspended
	Rendered      map[finding.Ref]map[string]any // what it applies, as declared
	Made          map[finding.Ref]map[string]any // what others apply too, as the server holds it when this one has just applied it
	At            func(pointer string) finding.Position
	Place         func(object finding.Ref, pointer string) finding.Position // of a field of what it applies
}

// Orphan is an object that stays in the cluster and left the last inventory that had it.
type Orphan struct {
	Ref, Owner finding.Ref
	Reason     string // of the change that left it, or created-namespace, failed-apply
	Pos        finding.Position
}

// Order is an object whose end depends on which of two Flux objects comes first,
// or from which one of them takes values. Where it is the first one itself, and
// Differ is not empty, it depends on whether the second one brings its new spec
// before or after.
type Order struct {
	Object        finding.Ref
	Reader        finding.Ref   // the one of the two that takes values from the object; zero for other orders
	Differ        []finding.Ref // what it applies otherwise
	First, Second finding.Ref   // in the order that was replayed
	End, Other    string        // what becomes of the object, in words; Other if Second comes first
	Destroyed     bool          // it is deleted in one of the orders
	Stands        bool          // the object is a Flux object, and the ends are whether it is ready
	Pos           finding.Position
}

// kinds is the registry.
var kinds = []Kind{
	changedLater, contested, dataDeleted, fieldDropped, hostContested, hostMoved, imageChanged, orderDependent, orphaned, podsRefused, privilegeWidened, quotaShort, readsNothing, recreated, refusedLater, restarted, resumed,
	scaledToZero, selectsNothing, serverWarned, staleEnvironment, suspended, versionUnserved,
}

// All lists the kinds of facts, sorted by id.
func All() []Kind { return slices.Clone(kinds) }

// Of lists the facts about a step, the most severe first.
func Of(s Step) []finding.Fact {
	var out []finding.Fact
	for _, k := range kinds {
		for _, f := range k.find(s) {
			f.Fact = k.ID
			if f.Severity == "" {
				f.Severity = k.Severity
			}
			if f.Check == "" {
				f.Check = k.Check
			}
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, finding.CompareFacts)
	return out
}

// fact is the start of a fact about a field of an object.
func (o Object) fact(pointer, message string) finding.Fact {
	f := finding.Fact{Object: o.Ref, Owner: o.Owner, Field: pointer, Message: message}
	if o.At != nil {
		f.Pos = o.At(pointer)
	}
	return f
}

// altered reports whether the object exists before and after, and is the same one.
func (o Object) altered() bool {
	return o.Before != nil && o.After != nil && o.Action != diff.Recreate
}

func (o Owner) fact(pointer, message string) finding.Fact {
	f := finding.Fact{Object: o.Ref, Field: pointer, Message: message}
	if o.At != nil {
		f.Pos = o.At(pointer)
	}
	return f
}
