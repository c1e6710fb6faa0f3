package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

func TestVerdictNamesTheLinesToEdit(t *testing.T) {
	ref := func(name string) finding.Ref { return finding.Ref{Kind: "Kustomization", Namespace: "f", Name: name} }
	unset := func(line int) finding.Finding {
		return finding.Finding{Rule: "build/variable-unset", Severity: finding.Error, Cluster: "c", Message: "no value",
			Pos: finding.Position{File: "a.yaml", Line: line, Col: 2}, Chain: []finding.Ref{ref("root"), ref("apps")}}
	}
	warning, elsewhere, nowhere := unset(1), unset(2), unset(0)
	warning.Severity, elsewhere.Cluster, nowhere.Pos = finding.Warning, "d", finding.Position{}
	failed := v1.Owner{Object: ref("apps"), State: v1.Failed, Ready: v1.Condition{Status: "False", Reason: "BuildFailed", Message: "variable not set"}}
	waiting := failed
	waiting.BlockedBy = []finding.Ref{ref("other")}
	misnamed := waiting
	misnamed.Edit = finding.Position{File: "a.yaml", Line: 4, Col: 5}
	named := unset(4)
	named.Object, named.Pos.Col, named.Message = ref("apps"), 5, "variable not set"
	itself := unset(7)
	itself.Object, itself.Chain = ref("apps"), []finding.Ref{ref("root")}
	for _, row := range []struct {
		why      string
		owner    v1.Owner
		changes  []diff.Change
		findings []finding.Finding
		want     []string
	}{
		{"each place", failed, nil, []finding.Finding{unset(7), unset(9)}, []string{"--> a.yaml:7:2  no value", "--> a.yaml:9:2  no value"}},
		{"errors of this cluster that have a place", failed, nil, []finding.Finding{warning, elsewhere, nowhere, unset(7)}, []string{"--> a.yaml:7:2  no value"}},
		{"not all of many", failed, nil, []finding.Finding{unset(1), unset(2), unset(3), unset(4), unset(5), unset(6), unset(7)}, []string{
			"--> a.yaml:1:2  no value", "--> a.yaml:2:2  no value", "--> a.yaml:3:2  no value", "--> a.yaml:4:2  no value", "--> a.yaml:5:2  no value", "and 2 more below"}},
		{"a refusal has places of its own", failed, []diff.Change{{Owner: ref("apps"), Action: diff.Fail, Error: &diff.Error{Message: "refused"}}}, []finding.Finding{unset(7)}, nil},
		{"the owner itself", failed, nil, []finding.Finding{itself}, []string{"--> a.yaml:7:2  no value"}},
		{"the line that names what it waits for", misnamed, nil, nil, []string{"--> a.yaml:4:5"}},
		{"the line that names it, once", misnamed, nil, []finding.Finding{named}, []string{"--> a.yaml:4:5"}},
		{"who waits was not built", waiting, nil, []finding.Finding{unset(7)}, nil},
	} {
		var out bytes.Buffer
		p := newPrinter(&out, Options{})
		p.stated = statedBy(row.findings, "c")
		p.step(&v1.Step{Owners: []v1.Owner{row.owner}, Changes: row.changes}, nil)
		if err := p.out.Flush(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "--> ") || strings.HasSuffix(line, " more below") {
				got = append(got, line)
			}
		}
		if strings.Join(got, "|") != strings.Join(row.want, "|") {
			t.Errorf("%s: got %q, want %q in\n%s", row.why, got, row.want, out.String())
		}
	}
}

// What only waits for others comes after them, and needs no advice of its own.
func TestWhoFollowsIsToldInBrief(t *testing.T) {
	ref := func(name string) finding.Ref { return finding.Ref{Kind: "Kustomization", Namespace: "f", Name: name} }
	owner := func(name, hint string, on ...finding.Ref) v1.Owner {
		return v1.Owner{Object: ref(name), State: v1.Failed, Ready: v1.Condition{Status: "False", Reason: "X"}, BlockedBy: on, Hint: hint,
			Edit: finding.Position{File: name + ".yaml", Line: 4, Col: 5}}
	}
	var out bytes.Buffer
	p := newPrinter(&out, Options{})
	p.step(&v1.Step{Owners: []v1.Owner{owner("apps", "wait", ref("infra")), owner("infra", "mend", ref("gone"))}}, nil)
	if err := p.out.Flush(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, row := range []struct {
		why, text string
		want      bool
	}{
		{"what blocks has its line", "infra.yaml:4:5", true},
		{"what blocks has its advice", "help: mend", true},
		{"what waits says for whom", "waits for: Kustomization/f/infra", true},
		{"its own line is no mistake", "apps.yaml:4:5", false},
		{"its advice is that of the other", "help: wait", false},
	} {
		if strings.Contains(got, row.text) != row.want {
			t.Errorf("%s: %q in\n%s", row.why, row.text, got)
		}
	}
	if strings.Index(got, "Kustomization/f/infra") > strings.Index(got, "Kustomization/f/apps\n") {
		t.Errorf("what blocks comes first:\n%s", got)
	}
}

// Facts that differ in their object only are told together.
func TestFactsTogether(t *testing.T) {
	fact := func(kind string, severity finding.Severity, name, message, check string, line int) finding.Fact {
		return finding.Fact{Fact: kind, Severity: severity, Object: finding.Ref{Kind: "Role", Namespace: "f", Name: name}, Message: message, Check: check,
			Pos: finding.Position{File: "a.yaml", Line: line, Col: 1}}
	}
	s := &v1.Step{Facts: []finding.Fact{
		fact("orphaned", finding.Warning, "a", "stays", "delete a", 3), fact("orphaned", finding.Warning, "b", "stays", "delete b", 3),
		fact("orphaned", finding.Warning, "c", "stays", "delete c", 3), fact("orphaned", finding.Warning, "d", "stays", "delete d", 3),
		fact("orphaned", finding.Warning, "e", "stays", "delete e", 9), fact("orphaned", finding.Warning, "f", "stays alone", "delete f", 3),
		fact("restarted", finding.Info, "a", "is restarted", "see", 1), fact("restarted", finding.Info, "b", "is restarted", "see", 2),
		fact("restarted", finding.Info, "c", "stops", "see", 2),
	}}
	var text, github bytes.Buffer
	p, g := newPrinter(&text, Options{}), newPrinter(&github, Options{})
	p.facts(s.Facts)
	g.annotateFacts("c", s)
	if err := errors.Join(p.out.Flush(), g.out.Flush()); err != nil {
		t.Fatal(err)
	}
	want := `  What to know:
    warning[orphaned]: 4 objects: stays
     --> a.yaml:3:1
      = concerns: Role/f/a, Role/f/b, Role/f/c, Role/f/d
      = check: delete a; delete b; delete c and 1 more
    warning[orphaned]: Role/f/e stays
     --> a.yaml:9:1
      = check: delete e
    warning[orphaned]: Role/f/f stays alone
     --> a.yaml:3:1
      = check: delete f
    info[restarted]
      2 objects: is restarted: Role/f/a, Role/f/b
      Role/f/c stops

`
	if d := cmp.Diff(want, text.String()); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
	want = `::warning file=a.yaml,line=3,col=1,title=orphaned in cluster c::4 objects: stays: Role/f/a, Role/f/b, Role/f/c, Role/f/d%0Adelete a; delete b; delete c and 1 more
::warning file=a.yaml,line=9,col=1,title=orphaned in cluster c::Role/f/e stays%0Adelete e
::warning file=a.yaml,line=3,col=1,title=orphaned in cluster c::Role/f/f stays alone%0Adelete f
::notice file=a.yaml,line=1,col=1,title=restarted in cluster c::2 objects: is restarted: Role/f/a, Role/f/b%0Asee
::notice file=a.yaml,line=2,col=1,title=restarted in cluster c::Role/f/c stops%0Asee
`
	if d := cmp.Diff(want, github.String()); d != "" {
		t.Errorf("github (-want +got):\n%s", d)
	}
}

// What many objects of an owner have in common is told once.
func TestCommonFields(t *testing.T) {
	update := func(name string, fields ...diff.Field) diff.Change {
		return diff.Change{Object: finding.Ref{Kind: "Role", Namespace: "f", Name: name}, Action: diff.Update, Fields: fields}
	}
	version := diff.Field{Label: "metadata.labels.version", Kind: diff.Changed, Before: "1", After: "2"}
	rule := diff.Field{Label: "rules[0]", Kind: diff.Added, After: "get"}
	recreated := update("e", version)
	recreated.Action = diff.Recreate
	for _, row := range []struct {
		why     string
		changes []diff.Change
		want    string
	}{
		{"in four", []diff.Change{update("a", version), update("b", version, rule), update("c", version), update("d", version), recreated}, `      ~ the same in several objects:
          metadata.labels.version: 1 → 2   in 4 objects
        and nothing else in Role/f/a, Role/f/c, Role/f/d
      ~ Role/f/b
          + rules[0]: get
    -/+ Role/f/e (deleted and created again)
          metadata.labels.version: 1 → 2
`},
		{"in three", []diff.Change{update("a", version), update("b", version), update("c", version), recreated}, `      ~ Role/f/a
          metadata.labels.version: 1 → 2
      ~ Role/f/b
          metadata.labels.version: 1 → 2
      ~ Role/f/c
          metadata.labels.version: 1 → 2
    -/+ Role/f/e (deleted and created again)
          metadata.labels.version: 1 → 2
`},
	} {
		var out bytes.Buffer
		p := newPrinter(&out, Options{})
		p.section(section{owner: v1.Owner{Object: finding.Ref{Kind: "HelmRelease", Namespace: "f", Name: "r"}, State: v1.Rendered}, changes: row.changes}, nil)
		if err := p.out.Flush(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff("  HelmRelease/f/r\n"+row.want+"\n", out.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
	}
}

// What fails as it did before is no verdict on the change.
func TestAsBefore(t *testing.T) {
	ref := func(name string) finding.Ref { return finding.Ref{Kind: "Kustomization", Namespace: "f", Name: name} }
	owner := func(name, message string) v1.Owner {
		return v1.Owner{Object: ref(name), State: v1.Failed, Ready: v1.Condition{Status: "False", Reason: "BuildFailed", Message: message}}
	}
	object := func(name string, action diff.Action) diff.Change {
		return diff.Change{Object: finding.Ref{Kind: "Role", Namespace: "f", Name: name}, Owner: ref("apps"), Action: action, Error: &diff.Error{Message: "no"}}
	}
	base := v1.Step{Name: v1.Base, Owners: []v1.Owner{owner("apps", "no")}, Changes: []diff.Change{object("a", diff.Fail), object("b", diff.Blocked)}}
	for _, row := range []struct {
		why     string
		head    v1.Step
		known   bool
		unusual int
	}{
		{"all is the same", v1.Step{Owners: base.Owners, Changes: base.Changes}, true, 0},
		{"for another reason", v1.Step{Owners: []v1.Owner{owner("apps", "never")}, Changes: base.Changes}, false, 1},
		{"another object is refused", v1.Step{Owners: base.Owners, Changes: append(base.Changes[:2:2], object("c", diff.Fail))}, false, 1},
		{"another object is not reached", v1.Step{Owners: base.Owners, Changes: append(base.Changes[:2:2], object("c", diff.Blocked))}, false, 1},
		{"an object changes", v1.Step{Owners: base.Owners, Changes: append(base.Changes[:2:2], object("c", diff.Update))}, false, 0},
		{"another owner", v1.Step{Owners: append(base.Owners[:1:1], owner("web", "no")), Changes: base.Changes}, true, 1},
	} {
		var out bytes.Buffer
		p := newPrinter(&out, Options{})
		p.step(&row.head, &base)
		if err := p.out.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "As before the change:"); got != row.known {
			t.Errorf("%s: told apart: %v\n%s", row.why, got, out.String())
		}
		if got := NewFailures(v1.Cluster{Steps: []v1.Step{base, row.head}}); got != row.unusual {
			t.Errorf("%s: %d new failures, want %d", row.why, got, row.unusual)
		}
	}
	if got := NewFailures(v1.Cluster{Steps: []v1.Step{base}}); got != 3 {
		t.Errorf("without a base everything is new: %d", got)
	}
}

// What an owner leaves alone whenever it is reconciled is no change.
func TestLeftAlone(t *testing.T) {
	ref := finding.Ref{Kind: "Kustomization", Namespace: "f", Name: "apps"}
	change := func(name string, action diff.Action) diff.Change {
		return diff.Change{Object: finding.Ref{Kind: "Role", Namespace: "f", Name: name}, Owner: ref, Action: action}
	}
	s := &v1.Step{Owners: []v1.Owner{{Object: ref, State: v1.Rendered, Ready: v1.Condition{Status: "True"}}},
		Changes: []diff.Change{change("a", diff.Skip), change("b", diff.Unchanged), change("c", diff.Skip)}}
	for _, row := range []struct {
		why     string
		options Options
		want    string
	}{
		{"named in the end", Options{}, "1 Flux object without changes, 1 unchanged object, 2 objects left alone on request: Role/f/a, Role/f/c\n"},
		{"listed on request", Options{ShowUnchanged: true}, "      . Role/f/a (left alone)\n      = Role/f/b\n"},
	} {
		var out bytes.Buffer
		p := newPrinter(&out, row.options)
		p.step(s, nil)
		if err := p.out.Flush(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), row.want) {
			t.Errorf("%s: %q is not in\n%s", row.why, row.want, out.String())
		}
	}
}
