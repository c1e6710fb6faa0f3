package simulate

import (
	"reflect"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Compare says where the ends of one step differ when it is replayed in the two
// orders that the controllers leave open: what becomes of the objects, what is
// applied with which values, and which Flux objects end ready.
func Compare(taken, other Step) []finding.Fact {
	var s facts.Step
	for _, p := range taken.Open {
		o := facts.Order{Object: p.Object, First: p.Then, Second: p.First}
		if !p.Reader.IsZero() {
			o.Reader, o.Pos = p.Reader, ownerOfStep(taken, p.Reader).Pos
			if o.Differ = differing(taken, other, p.Reader); len(o.Differ) > 0 {
				s.Orders = append(s.Orders, o)
			}
			continue
		}
		if p.spec() {
			s.Orders = append(s.Orders, specs(taken, other, p)...)
			continue
		}
		one, another := ends(taken, p.Object), ends(other, p.Object)
		if one.words == another.words {
			continue
		}
		o.End, o.Other, o.Destroyed, o.Pos = one.words, another.words, one.destroyed || another.destroyed, one.pos
		s.Orders = append(s.Orders, o)
	}
	s.Orders = append(s.Orders, standings(taken, other)...)
	return facts.Of(s)
}

// specs lists what becomes of the objects of a Flux object with its old spec
// and with its new one, those with the same ends together.
func specs(taken, other Step, p Precedence) []facts.Order {
	var out []facts.Order
	for _, ref := range differing(taken, other, p.Then) {
		one, another := ends(taken, ref), ends(other, ref)
		if one.words == another.words {
			continue
		}
		i := slices.IndexFunc(out, func(o facts.Order) bool { return o.End == left(one.words) && o.Other == left(another.words) })
		if i < 0 {
			i = len(out)
			out = append(out, facts.Order{Object: p.Object, First: p.Then, Second: p.First, End: left(one.words), Other: left(another.words),
				Destroyed: one.destroyed || another.destroyed, Pos: ownerOfStep(taken, p.Then).Pos})
		}
		out[i].Differ = append(out[i].Differ, ref)
	}
	return out
}

// left says of an object that nothing happens to that it stays as it is.
func left(words string) string {
	if words == "kept" {
		return "left as it is"
	}
	return words
}

// standings lists the Flux objects that end ready in one order only.
func standings(taken, other Step) []facts.Order {
	var out []facts.Order
	for _, was := range taken.Owners {
		is := ownerOfStep(other, was.Ref)
		if is.Ref.IsZero() || readyWords(was) == readyWords(is) || len(taken.Open) == 0 {
			continue
		}
		i := slices.IndexFunc(taken.Open, func(p Precedence) bool { return p.First == was.Ref || p.Then == was.Ref })
		p := taken.Open[max(i, 0)]
		out = append(out, facts.Order{Object: was.Ref, First: p.Then, Second: p.First, End: readyWords(was), Other: readyWords(is), Stands: true, Pos: was.Pos})
	}
	return out
}

func readyWords(o Owner) string {
	if o.Ready.Status == "False" {
		return "not ready (" + o.Ready.Reason + ")"
	}
	return "ready"
}

func ownerOfStep(s Step, ref finding.Ref) Owner {
	for _, o := range s.Owners {
		if o.Ref == ref {
			return o
		}
	}
	return Owner{}
}

// differing lists the objects of an owner that do not change in the same way in
// two steps.
func differing(one, other Step, owner finding.Ref) []finding.Ref {
	a, b := changesBy(one, owner), changesBy(other, owner)
	var out []finding.Ref
	for _, ref := range sortedRefs(a, b) {
		if x, y := a[ref], b[ref]; x.Action != y.Action || !reflect.DeepEqual(valuesOf(x), valuesOf(y)) {
			out = append(out, ref)
		}
	}
	return out
}

func changesBy(s Step, owner finding.Ref) map[finding.Ref]diff.Change {
	out := map[finding.Ref]diff.Change{}
	for _, c := range s.Changes {
		if c.Owner == owner && c.Action != diff.Unchanged {
			out[c.Object] = c
		}
	}
	return out
}

// valuesOf are the fields of a change without their places.
func valuesOf(c diff.Change) []diff.Field {
	out := slices.Clone(c.Fields)
	for i := range out {
		out[i].Pos = finding.Position{}
	}
	return out
}

type end struct {
	words     string
	destroyed bool
	pos       finding.Position
}

// ends is what becomes of an object in a step.
func ends(s Step, ref finding.Ref) end {
	for _, c := range s.Changes {
		if c.Object != ref {
			continue
		}
		e := end{pos: c.Pos}
		switch c.Action {
		case diff.Recreate:
			e.words, e.destroyed = "deleted and created again", true
		case diff.Delete:
			e.words, e.destroyed = "deleted", true
		case diff.Adopt:
			e.words = "taken over as it is"
		case diff.Fail, diff.Blocked:
			e.words = "not applied"
		case diff.Create:
			e.words = "created"
		case diff.Update:
			e.words = "changed"
		case diff.Orphan:
			e.words = "left in the cluster without an owner"
		default:
			e.words = "kept"
		}
		return e
	}
	return end{words: "kept"}
}
