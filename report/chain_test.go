package report

import (
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

func TestBlockage(t *testing.T) {
	ref := func(name string) finding.Ref { return finding.Ref{Kind: "Kustomization", Namespace: "f", Name: name} }
	s := &v1.Step{
		Owners: []v1.Owner{
			{Object: ref("apps"), BlockedBy: []finding.Ref{ref("infra")}}, {Object: ref("infra"), BlockedBy: []finding.Ref{ref("crds")}},
			{Object: ref("crds")}, {Object: ref("tests"), BlockedBy: []finding.Ref{ref("apps"), ref("infra")}},
			{Object: ref("one"), BlockedBy: []finding.Ref{ref("two")}}, {Object: ref("two"), BlockedBy: []finding.Ref{ref("one")}},
		},
		Changes: []diff.Change{{Owner: ref("apps"), Action: diff.Blocked}, {Owner: ref("apps"), Action: diff.Blocked},
			{Owner: ref("infra"), Action: diff.Blocked}, {Owner: ref("crds"), Action: diff.Fail}},
	}
	b := blockageOf(s)
	for _, c := range []struct{ why, got, want string }{
		{"the whole chain, each owner once", b.chain(ref("crds")),
			"Kustomization/f/infra (1 object), Kustomization/f/apps through Kustomization/f/infra (2 objects), Kustomization/f/tests through Kustomization/f/infra; 3 objects in all"},
		{"one that waits", b.chain(ref("apps")), "Kustomization/f/tests"},
		{"nothing waits", b.chain(ref("tests")), ""},
		{"up to what fails", b.causes(ref("apps")), "Kustomization/f/infra, which waits for Kustomization/f/crds"},
		{"several causes are not followed", b.causes(ref("tests")), "Kustomization/f/apps, Kustomization/f/infra"},
		{"a circle ends", b.causes(ref("one")), "Kustomization/f/two"},
		{"a circle of waiters ends", b.chain(ref("one")), "Kustomization/f/two"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, c.got, c.want)
		}
	}
}

func TestFollows(t *testing.T) {
	ref := func(name string) finding.Ref { return finding.Ref{Kind: "Kustomization", Namespace: "f", Name: name} }
	owner := func(name string, on ...string) v1.Owner {
		o := v1.Owner{Object: ref(name), State: v1.Blocked, Ready: v1.Condition{Status: "False"}}
		for _, n := range on {
			o.BlockedBy = append(o.BlockedBy, ref(n))
		}
		return o
	}
	paused := owner("paused")
	paused.State = v1.Suspended
	b := blockageOf(&v1.Step{Owners: []v1.Owner{
		owner("broken"), owner("next", "broken"), owner("last", "next"), owner("typo", "nosuch"), owner("late", "paused"), paused,
		owner("parent", "child", "broken"), owner("child", "parent"), owner("outside", "child"),
	}})
	for _, c := range []struct {
		why, name string
		want      bool
	}{
		{"it waits for nobody", "broken", false},
		{"another one is broken", "next", true},
		{"another one is broken farther away", "last", true},
		{"what it waits for is not there", "typo", false},
		{"what it waits for is as its author wants", "late", false},
		{"it waits for one that waits for it, besides a broken one", "parent", false},
		{"the other one of the circle", "child", false},
		{"it waits for a circle", "outside", true},
	} {
		if got := b.follows(ref(c.name)); got != c.want {
			t.Errorf("%s (%s): got %v, want %v", c.why, c.name, got, c.want)
		}
	}
}
