package rules

import (
	"fmt"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	register(validate.Rule{
		ID:       "reference/dependency-cycle",
		Severity: finding.Error,
		Summary:  "objects depend on each other in a circle",
		Why:      "Each member waits until the others are ready, so none ever starts. Flux reports no cycle, only that a dependency is not ready.",
		Fix:      "remove one of these dependencies",
		Since:    "0.1.0",
		Reads:    validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			seen := map[finding.Ref]bool{}
			for _, out := range active(p.World) {
				if seen[out.Object.Ref()] {
					continue
				}
				cycle := findCycle(p.World, out.Object.Ref())
				for _, ref := range cycle {
					seen[ref] = true
				}
				if len(cycle) > 0 {
					reportCycle(p, out.Object, cycle)
				}
			}
		},
	})
}

// findCycle returns the shortest way along dependsOn from a Flux object back to itself.
func findCycle(w *render.World, start finding.Ref) []finding.Ref {
	from := map[finding.Ref]finding.Ref{}
	queue := []finding.Ref{start}
	for len(queue) > 0 {
		ref := queue[0]
		queue = queue[1:]
		out := w.Outcome(ref)
		if out == nil {
			continue
		}
		for _, dep := range dependsOn(out.Object) {
			if dep.replaced() {
				continue
			}
			if dep.Ref == start {
				return trail(from, start, ref)
			}
			if _, known := from[dep.Ref]; !known {
				from[dep.Ref] = ref
				queue = append(queue, dep.Ref)
			}
		}
	}
	return nil
}

func trail(from map[finding.Ref]finding.Ref, start, end finding.Ref) []finding.Ref {
	var back []finding.Ref
	for ref := end; ref != start; ref = from[ref] {
		back = append([]finding.Ref{ref}, back...)
	}
	return append([]finding.Ref{start}, back...)
}

func reportCycle(p *validate.Pass, first *render.Object, cycle []finding.Ref) {
	var names []string
	for _, ref := range append(cycle, cycle[0]) {
		names = append(names, ref.Namespace+"/"+ref.Name)
	}
	next := cycle[0]
	if len(cycle) > 1 {
		next = cycle[1]
	}
	f := finding.Finding{
		Object: first.Ref(), Chain: first.Chain(),
		Message: fmt.Sprintf("%ss wait for each other: %s", first.GetKind(), strings.Join(names, " → ")),
	}
	for _, dep := range dependsOn(first) {
		if dep.Ref == next {
			f.Field, f.Pos = dep.Pointer+"/name", first.At(dep.Pointer+"/name")
		}
	}
	for i, ref := range cycle[1:] {
		o := p.World.Outcome(ref).Object
		after := append(cycle, cycle[0])[i+2]
		for _, dep := range dependsOn(o) {
			if dep.Ref == after {
				f.Related = append(f.Related, finding.Related{Pos: o.At(dep.Pointer + "/name"), Message: fmt.Sprintf("%s depends on %s", ref, after)})
			}
		}
	}
	p.Report(f)
}
