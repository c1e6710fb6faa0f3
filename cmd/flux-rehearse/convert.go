package main

import (
	"cmp"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// newReport fills in what every command reports about the clusters of a revision.
func newReport(command v1.Command, head, base *revision) report.Report {
	rep := report.Report{
		Tool:      v1.Tool{Name: "flux-rehearse", Version: version},
		Command:   command,
		Revisions: v1.Revisions{Head: head.name},
	}
	if base != nil {
		rep.Revisions.Base = base.name
	}
	for _, c := range head.clusters {
		out := v1.Cluster{
			Name: c.entry.Name, Dir: c.entry.Dir, Found: c.entry.Found, Pos: c.entry.Pos,
			FluxVersion: c.settings.FluxVersion, KubernetesVersion: c.settings.KubeVersion,
			Assumptions: assumptions(c.entry.Assumed, c.settings.Assumed),
		}
		if c.world != nil {
			out.Coverage = coverage(c.world)
		}
		rep.Clusters = append(rep.Clusters, out)
	}
	return rep
}

func assumptions(lists ...[]repo.Assumption) []v1.Assumption {
	var out []v1.Assumption
	for _, list := range lists {
		for _, a := range list {
			out = append(out, v1.Assumption{Text: a.Text, Pos: a.Pos})
		}
	}
	return out
}

// coverage counts the outcomes of a World.
func coverage(w *render.World) v1.Coverage {
	t := tally{reasons: map[v1.Reason]int{}}
	for _, out := range w.Outcomes {
		t.add(out.State, out.Reason)
	}
	c := t.coverage()
	c.Objects = len(w.Objects())
	return c
}

// replayed counts the owners of the last step of a replay.
func replayed(step simulate.Step, w *render.World) v1.Coverage {
	t := tally{reasons: map[v1.Reason]int{}}
	for _, o := range step.Owners {
		if yields(o.Ref.Kind) {
			t.add(o.State, o.Reason)
		}
	}
	c := t.coverage()
	c.Objects = len(w.Objects())
	return c
}

// yields reports whether objects of a Flux kind yield others.
func yields(kind string) bool {
	return kind == "Kustomization" || kind == "HelmRelease" || kind == "ArtifactGenerator" || kind == "ResourceSet" || kind == "FluxInstance"
}

type tally struct {
	c       v1.Coverage
	reasons map[v1.Reason]int
}

func (t *tally) add(state render.State, reason string) {
	t.c.FluxObjects++
	switch state {
	case render.Rendered:
		t.c.Rendered++
		return
	case render.Suspended:
		t.c.Suspended++
	case render.Unknown:
		t.c.Unknown++
	case render.Blocked:
		t.c.Blocked++
	case render.Failed:
		t.c.Failed++
	}
	t.reasons[v1.Reason{State: v1.State(state), Reason: reason}]++
}

func (t *tally) coverage() v1.Coverage {
	for r, n := range t.reasons {
		r.Count = n
		t.c.Reasons = append(t.c.Reasons, r)
	}
	slices.SortFunc(t.c.Reasons, func(a, b v1.Reason) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	return t.c
}

// step converts a replayed step to its wire form.
func step(s simulate.Step) v1.Step {
	out := v1.Step{Name: s.Name, Changes: s.Changes, Facts: s.Facts, Notes: s.Notes}
	for _, o := range s.Owners {
		owner := v1.Owner{
			Object: o.Ref, State: v1.State(o.State), Reason: o.Reason, Ready: condition("", o.Ready),
			Revision: o.Revision, AttemptedRevision: o.Attempted, Pos: o.Pos, Edit: o.Edit, BlockedBy: o.BlockedBy, Hint: o.Hint,
		}
		for _, c := range o.Conditions {
			owner.Conditions = append(owner.Conditions, condition(c.Type, c.Condition))
		}
		out.Owners = append(out.Owners, owner)
	}
	for _, w := range s.Uncalled {
		out.Webhooks = append(out.Webhooks, v1.Webhook{Configuration: w.Configuration, Name: w.Name, Sees: w.Sees, SeesPodsOf: w.SeesPods,
			Conditional: w.Conditional, Ignored: w.Ignored})
	}
	return out
}

func condition(kind string, c render.Condition) v1.Condition {
	return v1.Condition{Type: kind, Status: c.Status, Reason: c.Reason, Message: c.Message}
}
