package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestNotesOfWorkersAreGrouped(t *testing.T) {
	first, second, third, other := finding.Ref{Name: "first"}, finding.Ref{Name: "second"}, finding.Ref{Name: "third"}, finding.Ref{Name: "other"}
	wrote := func(actor finding.Ref, name string) write {
		return write{actor: actor, ref: finding.Ref{Kind: "ConfigMap", Namespace: "a", Name: name}}
	}
	rule := write{actor: third, ref: finding.Ref{Kind: "ClusterRole", Name: "r"}}
	rec := newRecorder()
	rec.writes = []write{wrote(third, "before")}
	rec.warnings = []warned{{actor: third, text: "before"}}
	since := rec.mark()
	rec.writes = append(rec.writes, wrote(other, "x"), rule, wrote(second, "s1"), wrote(first, "f"), wrote(second, "s2"))
	rec.warnings = append(rec.warnings, warned{actor: second, text: "s"}, warned{actor: first, text: "f"})
	later := rec.group(since, []finding.Ref{first, second, third})
	if d := cmp.Diff([]amount{{3, 1}, {1, 1}, {0, 0}}, later, cmp.AllowUnexported(amount{})); d != "" {
		t.Errorf("what later ones have written (-want +got):\n%s", d)
	}
	var writes, warnings []string
	for _, w := range rec.writes {
		writes = append(writes, w.actor.Name+" "+w.ref.Name)
	}
	for _, w := range rec.warnings {
		warnings = append(warnings, w.actor.Name+" "+w.text)
	}
	if d := cmp.Diff([]string{"third before", "first f", "second s1", "second s2", "third r", "other x"}, writes); d != "" {
		t.Errorf("writes (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"third before", "first f", "second s"}, warnings); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
}
