package advice

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Stop is why a Flux object does not become ready, with what is known around it.
type Stop struct {
	Owner     finding.Ref
	Code      string        // of its state
	On        []finding.Ref // what it waits for
	Circle    []finding.Ref // what waits for each other in turn, from the owner on; empty if nothing does
	Listed    bool          // On is an entry of spec.healthChecks
	Missing   bool          // the cluster does not have On
	Suspended bool          // On is suspended
}

// states say what to do about a Flux object that does not become ready, by the
// code of its state. Where an object is refused, the advice is with the object.
var states = map[string]string{
	"access-denied":        "put both into one namespace, or let the controllers run without --no-cross-namespace-refs",
	"deletion-pending":     "take the finalizer off the object or let its controller run; without spec.force and the force annotation nothing is deleted",
	"dependency-not-found": "correct the name under spec.dependsOn, or add the object",
	"dependency-not-ready": "repair what it waits for; nothing of it is applied until then",
	"dependency-outdated":  "repair or resume what it waits for, which has not applied this revision; nothing of it is applied until then",
	"health-check-failed":  "repair the object that does not become healthy, or do not wait for it (spec.wait, spec.healthChecks)",
	"invalid-cel":          "correct the expression",
	"no-chart":             "name a chart under spec.chart or spec.chartRef",
	"prune-failed":         "give the owner the right to delete what it no longer applies",
	"source-not-found":     "correct the name of the source, or add it",
	"source-not-ready":     "repair the source that it reads",
}

// ForStop says what to do about a Flux object that does not become ready, empty
// for nothing.
func ForStop(s Stop) string {
	depends := strings.HasPrefix(s.Code, "dependency-")
	if !depends && s.Code != "health-check-failed" {
		return states[s.Code]
	}
	switch {
	case len(s.Circle) > 0:
		return circle(s)
	case depends && s.Suspended:
		return "resume " + s.On[0].String() + " (spec.suspend: false), or take it out of spec.dependsOn; nothing of this is applied until then"
	case s.Listed && s.Missing:
		return "nothing has made " + s.On[0].String() + ": correct the entry of spec.healthChecks or take it out, or add the object"
	}
	return states[s.Code]
}

// circle tells who waits for whom. None of them ever goes on.
func circle(s Stop) string {
	if len(s.Circle) == 1 {
		return "it waits for itself: take it out of its spec.dependsOn"
	}
	out := "it waits for "
	for _, ref := range s.Circle[1:] {
		out += ref.String() + ", which waits for "
	}
	out += "it, for ever: "
	if s.Code == "health-check-failed" {
		last := s.Circle[len(s.Circle)-1].String()
		return out + "take " + s.Owner.String() + " out of spec.dependsOn of " + last + ", or do not wait for it (spec.wait, spec.healthChecks)"
	}
	return out + "take " + s.On[0].String() + " out of spec.dependsOn, or break the circle elsewhere"
}
