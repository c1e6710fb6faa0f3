package simulate

import (
	"context"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// unchangeable is how the server says that a field may not become another one.
var unchangeable = regexp.MustCompile(`immutable|may not change|updates to \S+ spec for fields other than`)

// exempt are the fields that such a message allows to change.
var exempt = regexp.MustCompile("['`]([a-zA-Z.]+)['`]")

// narrowed are the causes of a refusal with the places that are known of them
// only now: of a field that may not change the part that does, and of the object
// of a chart what makes the field.
func (r *replay) narrowed(ctx context.Context, owner finding.Ref, f Refusal) []diff.Cause {
	out := slices.Clone(f.Error.Causes)
	for i, c := range out {
		out[i].Message = r.uids.message(c.Message)
		pointer := pointerTo(f.Object, c.Field)
		part := r.changing(ctx, f.Object, pointer, c.Message)
		if rule := r.schemaRule(f, c); rule != "" {
			part = r.ruled(ctx, f.Object, pointer, rule)
		}
		if part != "" {
			pointer += part
			out[i].Pos = f.Object.At(pointer)
		}
		if pos := r.traced(ctx, owner, f.Object, pointer); !pos.IsZero() {
			out[i].Pos = pos
		}
	}
	return out
}

// changing is the part of a field that becomes another one, though the server
// says that the field may not.
func (r *replay) changing(ctx context.Context, o *render.Object, pointer, message string) string {
	if !unchangeable.MatchString(message) {
		return ""
	}
	live := r.cluster.read(ctx, o.Ref())
	if live == nil {
		return ""
	}
	var was, is any = live.Object, o.Object
	for _, token := range finding.Tokens(pointer) {
		was, is = child(was, token), child(is, token)
	}
	if m, ok := is.(map[string]any); ok {
		rest := maps.Clone(m)
		for _, allowed := range exempt.FindAllStringSubmatch(message, -1) {
			delete(rest, allowed[1])
		}
		is = rest
	}
	return firstDifference(was, is)
}

// self is a field that a validation rule looks at.
var self = regexp.MustCompile(`\bself((?:\.[A-Za-z_][A-Za-z0-9_]*)+)`)

// ruled is the first field that a rule looks at and that the object sets,
// rather one that is not so in the cluster.
func (r *replay) ruled(ctx context.Context, o *render.Object, pointer, rule string) string {
	var was, is any = nil, o.Object
	if live := r.cluster.read(ctx, o.Ref()); live != nil {
		was = live.Object
	}
	for _, token := range finding.Tokens(pointer) {
		was, is = child(was, token), child(is, token)
	}
	first := ""
	for _, m := range self.FindAllStringSubmatch(rule, -1) {
		part, had, has := "", was, is
		for _, name := range strings.Split(m[1], ".")[1:] {
			if child(has, name) == nil {
				break
			}
			part += finding.Pointer(name)
			had, has = child(had, name), child(has, name)
		}
		switch {
		case part == "":
		case !reflect.DeepEqual(had, has):
			return part
		case first == "":
			first = part
		}
	}
	return first
}

// maxTraces is how many fields of a step are traced through charts.
const maxTraces = 16

// traced is what makes a field of an object whose story ends at its chart.
func (r *replay) traced(ctx context.Context, owner finding.Ref, o *render.Object, pointer string) finding.Position {
	tracer, ok := render.Innermost(r.step.renderer[groupKind(owner)]).(render.Tracer)
	live := r.cluster.read(ctx, owner)
	if !ok || live == nil || r.step.traces == maxTraces || o.At(pointer) != o.Origin.Place {
		return finding.Position{}
	}
	r.step.traces++
	return tracer.Trace(ctx, r.inputAgain(&subject{ref: owner, live: live, mem: r.remember(owner)}), o.Ref(), pointer)
}

// firstDifference is a JSON pointer to the first part of what is wanted that is
// not so already. What is there besides may be a default. It is empty for the
// whole value, and where nothing differs.
func firstDifference(was, is any) string {
	switch is := is.(type) {
	case map[string]any:
		had, _ := was.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(is)) {
			if rest := firstDifference(had[k], is[k]); rest != "" || had[k] == nil || !alike(had[k], is[k]) {
				return finding.Pointer(k) + rest
			}
		}
	case []any:
		had, _ := was.([]any)
		if len(had) != len(is) {
			return ""
		}
		for i := range is {
			if rest := firstDifference(had[i], is[i]); rest != "" || !alike(had[i], is[i]) {
				return finding.Pointer(strconv.Itoa(i)) + rest
			}
		}
	}
	return ""
}

// alike compares values other than maps and lists, whose parts are looked at.
func alike(was, is any) bool {
	switch is := is.(type) {
	case map[string]any:
		_, same := was.(map[string]any)
		return same
	case []any:
		had, same := was.([]any)
		return same && len(had) == len(is)
	}
	return reflect.DeepEqual(was, is)
}
