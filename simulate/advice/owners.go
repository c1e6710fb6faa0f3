package advice

// states say what to do about a Flux object that does not become ready, by the
// code of its state. Where an object is refused, the advice is with the object.
var states = map[string]string{
	"access-denied":        "put both into one namespace, or let the controllers run without --no-cross-namespace-refs",
	"deletion-pending":     "take the finalizer off the object or let its controller run; without spec.force and the force annotation nothing is deleted",
	"dependency-not-found": "correct the name under spec.dependsOn, or add the object",
	"dependency-not-ready": "repair what it waits for; nothing of it is applied until then",
	"dependency-outdated":  "repair or resume what it waits for, which has not applied this revision; nothing of it is applied until then",
	"health-check-failed":  "repair the object that does not become healthy, or take it out of spec.healthChecks",
	"invalid-cel":          "correct the expression",
	"no-chart":             "name a chart under spec.chart or spec.chartRef",
	"prune-failed":         "give the owner the right to delete what it no longer applies",
	"source-not-found":     "correct the name of the source, or add it",
	"source-not-ready":     "repair the source that it reads",
}

// ForState says what to do about the state of a Flux object, empty for nothing.
func ForState(code string) string { return states[code] }
