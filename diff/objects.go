package diff

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// volatile are the members of metadata that the server writes by itself.
var volatile = []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"}

// Objects returns the differences between two objects as a person wants to see
// them, sorted by pointer. What the server keeps for itself (status, managed
// fields, versions) is left out. Lists of maps are aligned by their natural key
// as in the Kubernetes schemas, other lists by their longest common subsequence,
// so that an inserted item is one added field. The index in a pointer is that
// of the item after the change, or before it for a removed item. Either object
// may be nil. Values of a Secret are masked, and those at the hidden pointers.
func Objects(before, after map[string]any, hidden ...string) []Field {
	w := &walk{secret: isSecret(before) || isSecret(after), pointers: hidden}
	w.members(place{}, visible(before), visible(after))
	slices.SortStableFunc(w.fields, compareFields)
	return w.fields
}

// visible is a copy of the object without what the server keeps for itself.
func visible(obj map[string]any) map[string]any {
	out := maps.Clone(obj)
	delete(out, "status")
	if meta, ok := out["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, name := range volatile {
			delete(meta, name)
		}
		out["metadata"] = meta
	}
	return out
}

// place is where a walk is: tokens of the pointer, and the label for people.
type place struct {
	tokens []string
	label  string
}

func (p place) member(name string) place {
	label := p.label + "[" + name + "]"
	switch {
	case !plainName(name):
	case p.label == "":
		label = name
	default:
		label = p.label + "." + name
	}
	return place{tokens: append(slices.Clip(p.tokens), name), label: label}
}

func (p place) item(index int, name string) place {
	return place{tokens: append(slices.Clip(p.tokens), strconv.Itoa(index)), label: p.label + "[" + name + "]"}
}

// plainName reports whether a member name reads well after a dot.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$") == ""
}

// walk collects the fields that differ between two values.
type walk struct {
	secret   bool
	pointers []string // hidden
	fields   []Field
}

func (w *walk) values(at place, before, after any) {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			w.members(at, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			w.items(at, b, a)
			return
		}
	}
	if canonical(before) != canonical(after) {
		w.changed(at, before, after)
	}
}

func (w *walk) members(at place, before, after map[string]any) {
	for name, b := range before {
		if a, ok := after[name]; ok {
			w.values(at.member(name), b, a)
		} else {
			w.removed(at.member(name), b)
		}
	}
	for name, a := range after {
		if _, ok := before[name]; !ok {
			w.added(at.member(name), a)
		}
	}
}

func (w *walk) items(at place, before, after []any) {
	if key, ok := naturalKey(before, after); ok {
		w.keyed(at, key, [2][]any{before, after})
		return
	}
	for _, g := range gaps(canonicals(before), canonicals(after)) {
		for g.before < g.beforeEnd && g.after < g.afterEnd {
			w.values(at.item(g.after, strconv.Itoa(g.after)), before[g.before], after[g.after])
			g.before++
			g.after++
		}
		for ; g.before < g.beforeEnd; g.before++ {
			w.removed(at.item(g.before, strconv.Itoa(g.before)), before[g.before])
		}
		for ; g.after < g.afterEnd; g.after++ {
			w.added(at.item(g.after, strconv.Itoa(g.after)), after[g.after])
		}
	}
}

// keyed compares lists whose items are known by a key. The order of the items
// that both have is a difference of the list itself.
func (w *walk) keyed(at place, key listKey, lists [2][]any) {
	was, names := key.index(lists[0]), key.names(lists[1])
	is := key.index(lists[1])
	for i, name := range names {
		if j, ok := was[name]; ok {
			w.values(at.item(i, name), lists[0][j], lists[1][i])
		} else {
			w.added(at.item(i, name), lists[1][i])
		}
	}
	for j, name := range key.names(lists[0]) {
		if _, ok := is[name]; !ok {
			w.removed(at.item(j, name), lists[0][j])
		}
	}
	oldOrder, newOrder := common(key.names(lists[0]), is), common(names, was)
	if !slices.Equal(oldOrder, newOrder) {
		w.add(at, Field{Kind: Changed, Before: w.order(at, oldOrder), After: w.order(at, newOrder)})
	}
}

func (w *walk) order(at place, names []string) string {
	if w.hidden(at) {
		return mask
	}
	return "order " + compact(anyList(names))
}

func (w *walk) added(at place, v any) {
	w.add(at, Field{Kind: Added, After: w.print(at, v)})
}

func (w *walk) removed(at place, v any) {
	w.add(at, Field{Kind: Removed, Before: w.print(at, v)})
}

func (w *walk) changed(at place, before, after any) {
	f := Field{Kind: Changed}
	b, isText := before.(string)
	a, bothText := after.(string)
	switch {
	case w.hidden(at):
		f.Before, f.After = mask, maskChanged
	case isText && bothText && (severalLines(b) || severalLines(a)):
		f.Text = hunks(b, a)
	default:
		f.Before, f.After = w.print(at, before), w.print(at, after)
	}
	w.add(at, f)
}

func (w *walk) add(at place, f Field) {
	f.Pointer, f.Label = finding.Pointer(at.tokens...), at.label
	w.fields = append(w.fields, f)
}

// print writes a value that only one of the objects has, or a short one.
func (w *walk) print(at place, v any) string {
	if !w.secret && len(w.pointers) == 0 {
		return compact(v)
	}
	if v = w.maskAt(at.tokens, v); v == any(mask) {
		return mask
	}
	return compact(v)
}

// compareFields orders by pointer, with indices as numbers; of two differences
// at one pointer, what was there before comes first.
func compareFields(a, b Field) int {
	order := slices.CompareFunc(finding.Tokens(a.Pointer), finding.Tokens(b.Pointer), compareTokens)
	return cmp.Or(order, kindRank(a.Kind)-kindRank(b.Kind), cmp.Compare(a.Label, b.Label))
}

func compareTokens(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil && i != j:
		return cmp.Compare(i, j)
	case (errA == nil) != (errB == nil):
		if errA == nil {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}

func kindRank(k FieldKind) int { return slices.Index([]FieldKind{Removed, Changed, Added}, k) }
