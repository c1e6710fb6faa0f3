package report

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// blockage says which Flux objects wait for which, and what they do not apply.
type blockage struct {
	waiters map[finding.Ref][]finding.Ref // by what they wait for
	waits   map[finding.Ref][]finding.Ref
	objects map[finding.Ref]int // that an owner does not apply
	unready map[finding.Ref]bool
}

func blockageOf(s *v1.Step) blockage {
	b := blockage{map[finding.Ref][]finding.Ref{}, map[finding.Ref][]finding.Ref{}, map[finding.Ref]int{}, map[finding.Ref]bool{}}
	for _, o := range s.Owners {
		b.waits[o.Object] = o.BlockedBy
		b.unready[o.Object] = !o.Settled() && o.State != v1.Unknown
		for _, by := range o.BlockedBy {
			b.waiters[by] = append(b.waiters[by], o.Object)
		}
	}
	for _, c := range s.Changes {
		if c.Action == diff.Blocked {
			b.objects[c.Owner]++
		}
	}
	return b
}

// chain lists in words all that waits for a Flux object, itself or through
// others, with the number of objects that are not applied because of it.
func (b blockage) chain(ref finding.Ref) string {
	var out []string
	total, seen := 0, map[finding.Ref]bool{ref: true}
	for queue := []finding.Ref{ref}; len(queue) > 0; queue = queue[1:] {
		by := queue[0]
		for _, waiter := range b.waiters[by] {
			if seen[waiter] {
				continue
			}
			seen[waiter] = true
			queue = append(queue, waiter)
			words := waiter.String()
			if by != ref {
				words += " through " + by.String()
			}
			if n := b.objects[waiter]; n > 0 {
				words += " (" + count(n, "object") + ")"
				total += n
			}
			out = append(out, words)
		}
	}
	if len(out) > 1 && total > 0 {
		return strings.Join(out, ", ") + "; " + count(total, "object") + " in all"
	}
	return strings.Join(out, ", ")
}

// follows reports whether a Flux object is not ready only since others are not:
// it waits for one that is not ready by itself, and none of them waits for it.
func (b blockage) follows(ref finding.Ref) bool {
	found, seen := false, map[finding.Ref]bool{ref: true}
	for queue := slices.Clone(b.waits[ref]); len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == ref || !b.unready[at] {
			return false
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		found = true
		for _, next := range b.waits[at] {
			if next == ref || b.unready[next] {
				queue = append(queue, next)
			}
		}
	}
	return found
}

// causes lists in words what a Flux object waits for, and what that waits for.
func (b blockage) causes(ref finding.Ref) string {
	out := names(b.waits[ref])
	seen := map[finding.Ref]bool{ref: true}
	for at := b.waits[ref]; len(at) == 1 && !seen[at[0]]; at = b.waits[at[0]] {
		seen[at[0]] = true
		if next := b.waits[at[0]]; len(next) > 0 && !slices.Contains(next, ref) {
			out += ", which waits for " + names(next)
		}
	}
	return out
}
