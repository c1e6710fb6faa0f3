package simulate

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/simulate/advice"
)

// explain adds to a Flux object that does not become ready what to do about it,
// and the line to edit where it is one of its own.
func (r *replay) explain(ctx context.Context, s *subject, o *Owner) {
	field := r.stoppedAt(s)
	if field != "" {
		o.Edit = r.placeOf(finding.Ref{}, s.ref, field)
	}
	stop := advice.Stop{
		Owner: s.ref, Code: s.mem.reason, On: s.mem.on, Circle: r.standstill(s.ref),
		Listed: strings.HasPrefix(field, "/spec/healthChecks/"),
	}
	if len(s.mem.on) > 0 {
		on := r.cluster.read(ctx, s.mem.on[0])
		stop.Missing = on == nil
		stop.Suspended = on != nil && (&subject{ref: s.mem.on[0], live: on}).suspended()
	}
	o.Hint = advice.ForStop(stop)
}

// stoppedAt is the field of a Flux object that names what it waits for.
func (r *replay) stoppedAt(s *subject) string {
	if len(s.mem.on) == 0 {
		return ""
	}
	on := s.mem.on[0]
	switch {
	case strings.HasPrefix(s.mem.reason, "dependency-"):
		for i, d := range s.dependencies() {
			if d.ref == on {
				return "/spec/dependsOn/" + strconv.Itoa(i) + "/name"
			}
		}
	case on.Kind == helmChartKind.Kind:
		// Its mistakes are those of spec.chart, which has its own fields.
	case strings.HasPrefix(s.mem.reason, "source-"), s.mem.reason == "access-denied":
		for _, field := range [][]string{{"spec", "sourceRef"}, {"spec", "chartRef"}, {"spec", "chart", "spec", "sourceRef"}} {
			if _, ok, _ := unstructured.NestedMap(s.live.Object, field...); ok {
				return finding.Pointer(append(field, "name")...)
			}
		}
	case s.mem.reason == "health-check-failed":
		return r.awaitedBy(s, on)
	}
	return ""
}

// awaitedBy is the field because of which a Kustomization waits for an object.
func (r *replay) awaitedBy(s *subject, on finding.Ref) string {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return ""
	}
	if k.Spec.Wait {
		return "/spec/wait"
	}
	for i, check := range k.Spec.HealthChecks {
		if check.Kind == on.Kind && check.Name == on.Name && check.Namespace == on.Namespace {
			return "/spec/healthChecks/" + strconv.Itoa(i) + "/name"
		}
	}
	return ""
}

// standstill follows what a Flux object waits for until it comes back to it.
func (r *replay) standstill(from finding.Ref) []finding.Ref {
	return circleFrom(from, func(ref finding.Ref) []finding.Ref {
		if m := r.memory[ref]; m != nil {
			return m.on
		}
		return nil
	})
}

// circleFrom is the shortest way along what waits for what that comes back to
// its start, from the start on. It is empty if none does.
func circleFrom(from finding.Ref, waits func(finding.Ref) []finding.Ref) []finding.Ref {
	seen := map[finding.Ref]bool{}
	for ways := [][]finding.Ref{{from}}; len(ways) > 0; ways = ways[1:] {
		way := ways[0]
		for _, next := range waits(way[len(way)-1]) {
			if next == from {
				return way
			}
			if !seen[next] {
				seen[next] = true
				ways = append(ways, append(slices.Clone(way), next))
			}
		}
	}
	return nil
}
