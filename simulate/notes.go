package simulate

import (
	"fmt"
	"slices"
	"strings"
)

// note says something about the step that a reader of its result has to know.
func (r *replay) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.step.notes, n) {
		r.step.notes = append(r.step.notes, n)
	}
}

// remark is what is noted of one subject, and of several together.
type remark struct{ one, many string }

// The remarks.
var (
	unservedAPIs = remark{"%s is not served: its pods do not run here", "%s are not served: their pods do not run here"}
	unconverted  = remark{"%s is served without its conversion webhook: its pods do not run here",
		"%s are served without their conversion webhooks: their pods do not run here"}
	undefinedKinds = remark{"objects of kind %s are taken as they are: nothing in the repository defines them",
		"objects of these kinds are taken as they are, as nothing in the repository defines them: %s"}
	takenHealthy = remark{"%s is taken for healthy: nothing here sets the status that healthCheckExprs look at",
		"these are taken for healthy, as nothing here sets the status that healthCheckExprs look at: %s"}
	failingAsBefore = remark{"%s is taken for ready although it fails: it does so in base, which the cluster runs",
		"these are taken for ready although they fail, as they do so in base, which the cluster runs: %s"}
	unknownResults = remark{"%s is taken for ready although its result is unknown", "these are taken for ready although their results are unknown: %s"}
)

// tell notes a subject of a remark. All subjects of a remark make one note.
func (r *replay) tell(about remark, subject string) {
	if r.step.told == nil {
		r.step.told = map[remark][]string{}
	}
	if !slices.Contains(r.step.told[about], subject) {
		r.step.told[about] = append(r.step.told[about], subject)
	}
}

// tellAll writes the notes of the remarks, which finish sorts.
func (r *replay) tellAll() {
	for about, subjects := range r.step.told {
		slices.Sort(subjects)
		format := about.one
		if len(subjects) > 1 {
			format = about.many
		}
		r.note(format, strings.Join(subjects, ", "))
	}
}
