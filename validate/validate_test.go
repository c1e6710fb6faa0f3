package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
)

func TestSuppression(t *testing.T) {
	tests := []struct {
		why, file string
		line      int
		want      bool // that the finding of schema/unknown-field is suppressed
	}{
		{"the rule on the line", "a: 1 # flux-rehearse:ignore schema/unknown-field\n", 1, true},
		{"with a reason", "a: 1 # flux-rehearse:ignore schema/unknown-field -- ours\n", 1, true},
		{"the category", "a: 1 # flux-rehearse:ignore schema\n", 1, true},
		{"no rule is every rule", "a: 1 # flux-rehearse:ignore\n", 1, true},
		{"no rule, with a reason", "a: 1 # flux-rehearse:ignore -- ours\n", 1, true},
		{"one of several", "a: 1 # flux-rehearse:ignore yaml/syntax, schema/unknown-field\n", 1, true},
		{"another rule", "a: 1 # flux-rehearse:ignore schema/violation\n", 1, false},
		{"a part of a category is none", "a: 1 # flux-rehearse:ignore sch\n", 1, false},
		{"alone on the line above", "# flux-rehearse:ignore schema\na: 1\n", 2, true},
		{"indented above", "b:\n  # flux-rehearse:ignore schema\n  a: 1\n", 3, true},
		{"behind a value above", "b: 2 # flux-rehearse:ignore schema\na: 1\n", 2, false},
		{"two lines above", "# flux-rehearse:ignore schema\nb: 2\na: 1\n", 3, false},
		{"on the line below", "a: 1\n# flux-rehearse:ignore schema\n", 1, false},
		{"no comment at all", "a: 1\n", 1, false},
		{"a line beyond the file", "a: 1 # flux-rehearse:ignore\n", 9, false},
		{"no line", "a: 1 # flux-rehearse:ignore\n", 0, false},
	}
	for _, tt := range tests {
		rule := Rule{ID: "schema/unknown-field", Severity: finding.Error, Reads: ReadsTree, Check: func(p *Pass) {
			p.Report(finding.Finding{Message: "m", Pos: finding.Position{File: "f.yaml", Line: tt.line}})
		}}
		got := Run(Input{Tree: repo.FromFiles(map[string]string{"f.yaml": tt.file}), Rules: []Rule{rule}})
		if suppressed := len(got) == 0; suppressed != tt.want {
			t.Errorf("%s: suppressed %v, want %v", tt.why, suppressed, tt.want)
		}
	}
}

// TestShare reports what several clusters share once, and what differs for each.
func TestShare(t *testing.T) {
	worlds := []*render.World{{Entry: repo.Entry{Name: "production"}}, {Entry: repo.Entry{Name: "staging"}}}
	rule := Rule{ID: "a/b", Severity: finding.Warning, Fix: "do so", Reads: ReadsWorld, Check: func(p *Pass) {
		p.Report(finding.Finding{Message: "shared", Pos: finding.Position{File: "f", Line: 2}})
		p.Report(finding.Finding{Message: "of " + p.Cluster, Severity: finding.Info, Hint: "or so", Pos: finding.Position{File: "f", Line: 1}})
	}}
	got := Run(Input{Tree: repo.FromFiles(nil), Worlds: worlds, Catalogs: []*schemas.Catalog{nil, nil}, Rules: []Rule{rule}})
	want := []finding.Finding{
		{Rule: "a/b", Severity: finding.Info, Cluster: "production", Pos: finding.Position{File: "f", Line: 1}, Message: "of production", Hint: "or so"},
		{Rule: "a/b", Severity: finding.Info, Cluster: "staging", Pos: finding.Position{File: "f", Line: 1}, Message: "of staging", Hint: "or so"},
		{Rule: "a/b", Severity: finding.Warning, Cluster: "production, staging", Pos: finding.Position{File: "f", Line: 2}, Message: "shared", Hint: "do so"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLift looks at outcomes that say the same of themselves: only those with
// the reason are lifted, and what is suspended is passed over.
func TestLift(t *testing.T) {
	object := func(name string, owner *render.Object) *render.Object {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Kustomization", "metadata": map[string]any{"name": name}}}
		return &render.Object{Unstructured: u, Origin: render.Origin{Owner: owner, Place: finding.Position{File: name}}}
	}
	top := object("top", nil)
	child := object("child", top)
	problem := finding.Problem{Reason: "r", Message: "m"}
	outcome := func(o *render.Object, s render.State) *render.Outcome {
		return &render.Outcome{Object: o, Result: render.Result{State: s, Problems: []finding.Problem{problem, {Reason: "other"}}}}
	}
	w := &render.World{Outcomes: []*render.Outcome{outcome(top, render.Failed), outcome(child, render.Rendered), outcome(object("idle", nil), render.Suspended)}}
	rule := Rule{ID: "a/b", Severity: finding.Error, Reads: ReadsWorld, Check: func(p *Pass) { p.Lift("r") }}
	got := Run(Input{Tree: repo.FromFiles(nil), Worlds: []*render.World{w}, Catalogs: []*schemas.Catalog{nil}, Rules: []Rule{rule}})
	want := []finding.Finding{
		{Rule: "a/b", Severity: finding.Error, Object: child.Ref(), Pos: finding.Position{File: "child"}, Message: "m", Chain: []finding.Ref{top.Ref()}},
		{Rule: "a/b", Severity: finding.Error, Object: top.Ref(), Pos: finding.Position{File: "top"}, Message: "m"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
