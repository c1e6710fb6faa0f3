package simulate

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Precedence is an order of two Flux objects that both deal with one object,
// which the controllers leave open: Then waits until First has taken the object
// or has let go of it, or until nothing else happens. Of a Reader it is enough
// that First has been reconciled, and so where First brings the spec of the Object.
type Precedence struct {
	Object      finding.Ref
	First, Then finding.Ref
	Reader      finding.Ref // the one of the two that takes values from the object, which the other one writes
}

// spec reports whether the order is that of a Flux object and of its parent.
func (p Precedence) spec() bool { return p.Object == p.Then }

// openSpecs lists the Kustomizations that were reconciled with the spec that
// they had before, where the new one lets them prune or leaves them alone.
func (r *replay) openSpecs(changes []diff.Change) []Precedence {
	var out []Precedence
	for _, ref := range sortedRefs(r.step.owners) {
		before, after := r.step.owners[ref], r.step.after[ref]
		if groupKind(ref) != kustomizationKind || after == nil || !r.step.ranked[ref] {
			continue
		}
		parent, ok := ownerOf(after.GetLabels())
		if !ok || parent == ref || !r.step.ranked[parent] {
			continue
		}
		if slices.Index(r.step.order, ref) > slices.Index(r.step.order, parent) {
			continue
		}
		becomes := func(field string) bool {
			was, _, _ := unstructured.NestedBool(before.Object, "spec", field)
			is, _, _ := unstructured.NestedBool(after.Object, "spec", field)
			return was != is
		}
		suspends := becomes("suspend") && (&subject{live: after}).suspended()
		if slices.ContainsFunc(changes, func(c diff.Change) bool {
			leaves := c.Action == diff.Delete || c.Action == diff.Orphan
			return c.Owner == ref && c.Action != diff.Unchanged && (suspends || becomes("prune") && leaves)
		}) {
			out = append(out, Precedence{Object: ref, First: parent, Then: ref})
		}
	}
	return out
}

// prior is a Precedence while a step runs.
type prior struct {
	Precedence
	had bool // First applied the object before the step
}

// beginOrder notes who has what before the step.
func (r *replay) beginOrder() {
	for _, p := range r.step.input.Order {
		r.step.waiting = append(r.step.waiting, prior{p, r.has(p.First, p.Object)})
	}
}

func (r *replay) has(owner, ref finding.Ref) bool {
	m := r.memory[owner]
	return m != nil && m.rendered[ref] != nil
}

// held reports whether a Flux object has to let another one go first.
func (r *replay) held(ref finding.Ref) bool {
	return slices.ContainsFunc(r.step.waiting, func(p prior) bool {
		if !p.Reader.IsZero() || p.spec() {
			return p.Then == ref && !r.step.ranked[p.First]
		}
		return p.Then == ref && r.has(p.First, p.Object) == p.had
	})
}

// letGo ends all waiting for others, since nothing else happens any more. It
// reports whether anybody waited.
func (r *replay) letGo() bool {
	waited := len(r.step.waiting) > 0
	r.step.waiting = nil
	return waited
}

// open lists the orders that the replay could have taken the other way round:
// for each object that moves between owners, without one depending on the other.
func (r *replay) open(changes []diff.Change) []Precedence {
	var out []Precedence
	for _, c := range weighty(changes) {
		from, to := c.From, c.Owner
		if c.Action == diff.Delete {
			from, to = c.Owner, r.otherTaker(c)
		}
		p := Precedence{Object: c.Object, First: to, Then: from}
		if c.Action == diff.Adopt {
			p.First, p.Then = from, to
		}
		moved := c.Action == diff.Delete || c.Reason == "moved"
		if !moved || from.IsZero() || to.IsZero() || r.has(from, c.Object) || r.waitsFor(p.First, p.Then, 0) || p.contradicts(out) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// weighty puts the objects first with which more goes than what git has.
func weighty(changes []diff.Change) []diff.Change {
	rank := func(c diff.Change) int {
		_, flux := kindOf(c.Object)
		if flux || slices.Contains([]schema.GroupKind{claimKind, namespaceKind, crdKind}, groupKind(c.Object)) {
			return 0
		}
		return 1
	}
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b diff.Change) int { return rank(a) - rank(b) })
	return out
}

// contradicts reports whether the two Flux objects go the other way round already.
func (p Precedence) contradicts(list []Precedence) bool {
	return slices.ContainsFunc(list, func(o Precedence) bool { return o.First == p.Then && o.Then == p.First })
}

// otherTaker is who applies an object that another owner deletes.
func (r *replay) otherTaker(c diff.Change) finding.Ref {
	for _, ref := range r.providers(c.Object) {
		if ref != c.Owner {
			return ref
		}
	}
	return finding.Ref{}
}

// maxDepends bounds how far dependencies are followed.
const maxDepends = 20

// waitsFor reports whether an owner depends on another one, before and after the step.
func (r *replay) waitsFor(owner, other finding.Ref, depth int) bool {
	if owner == other {
		return true
	}
	u := r.step.after[owner]
	if u == nil || depth > maxDepends || owner.Kind != other.Kind {
		return false
	}
	before := r.step.owners[owner]
	for _, d := range (&subject{ref: owner, live: u}).dependencies() {
		old := before == nil || slices.Contains((&subject{ref: owner, live: before}).dependencies(), d)
		if old && r.waitsFor(d.ref, other, depth+1) {
			return true
		}
	}
	return false
}
