package v1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

func TestCounted(t *testing.T) {
	changes := []diff.Change{{Action: diff.Create}, {Action: diff.Create}, {Action: diff.Fail}, {Action: diff.Blocked}, {Action: diff.Unchanged}}
	owners := []v1.Owner{
		{Ready: v1.Condition{Status: "True"}},
		{Ready: v1.Condition{Status: "False"}},
		{State: v1.Suspended, Ready: v1.Condition{Status: "False"}},
		{State: v1.Unknown},
		{State: v1.Rendered},
	}
	step := func(name string) v1.Step { return v1.Step{Name: name, Changes: changes, Owners: owners} }
	given := v1.Report{
		Clusters: []v1.Cluster{
			{Name: "a", Steps: []v1.Step{step("base"), step("head")}},
			{Name: "b", Steps: []v1.Step{step("base")}},
		},
		Findings: []finding.Finding{
			{Severity: finding.Warning, Cluster: "b", Pos: finding.Position{File: "z"}},
			{Severity: finding.Error, Cluster: "a", Pos: finding.Position{File: "y"}},
			{Severity: finding.Error, Pos: finding.Position{File: "x"}},
		},
	}
	counts := v1.Summary{Create: 2, Fail: 1, Blocked: 1, Unchanged: 1, NotReady: 1}
	a, b := counts, counts
	a.Errors, b.Warnings = 1, 1
	all := v1.Summary{Create: 4, Fail: 2, Blocked: 2, Unchanged: 2, NotReady: 2, Errors: 2, Warnings: 1}

	got := v1.Counted(given)
	base := got.Clusters[0].Steps[0]
	tests := []struct {
		why       string
		want, got any
	}{
		{"the version is set", "v1", got.Version},
		{"all clusters together, without the base of a", all, got.Summary},
		{"a counts its head and its findings", a, got.Clusters[0].Summary},
		{"b has no other step than the base", b, got.Clusters[1].Summary},
		{"the base is counted before it is reduced", counts, base.Summary},
		{"the base keeps what is refused or not reached", []diff.Change{{Action: diff.Fail}, {Action: diff.Blocked}}, base.Changes},
		{"a base that is followed says that it is reduced", true, base.Summarised},
		{"the only step is whole", len(changes), len(got.Clusters[1].Steps[0].Changes)},
		{"findings are sorted by place", "x", got.Findings[0].Pos.File},
		{"what was given is not changed", "z", given.Findings[0].Pos.File},
		{"what was given is not reduced", len(changes), len(given.Clusters[0].Steps[0].Changes)},
		{"counting again changes nothing", got, v1.Counted(got)},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, d)
		}
	}
}
