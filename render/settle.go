package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Reasons that settle gives.
const (
	ReasonOwner         = "owner-not-applied"    // its owner never gets to apply it
	ReasonDepMissing    = "dependency-missing"   // dependsOn names an object that nobody applies
	ReasonDepNotReady   = "dependency-not-ready" // dependsOn names an object that never becomes ready
	ReasonWaitsForChild = "waits-for-unready"    // applied, but spec.wait waits for an object that never becomes ready
)

// settle finishes a World: outcomes in order, and whoever waits for something
// that never comes is Blocked. What a blocked object would apply stays listed.
//
// An object starts when its owner has started and its dependencies are ready;
// it is ready when it has started, has rendered, and what it waits for is
// ready. Both sets grow from nothing, so that members of a cycle, also one
// through spec.wait of a parent, are in neither.
func (w *World) settle() {
	slices.SortFunc(w.Outcomes, func(a, b *Outcome) int { return a.Object.Ref().Compare(b.Object.Ref()) })
	w.doubt()
	s := settlement{world: w, started: map[finding.Ref]bool{}, ready: map[finding.Ref]bool{}}
	for s.grow() {
	}
	for _, out := range w.Outcomes {
		s.conclude(out)
	}
}

type settlement struct {
	world          *World
	started, ready map[finding.Ref]bool
}

func (s settlement) grow() bool {
	grown := false
	for _, out := range s.world.Outcomes {
		ref := out.Object.Ref()
		if !s.started[ref] && s.ownerStarted(out) && s.firstUnmet(out) == nil {
			s.started[ref], grown = true, true
		}
		if s.started[ref] && !s.ready[ref] && healthy(out) && s.firstUnready(out).IsZero() {
			s.ready[ref], grown = true, true
		}
	}
	return grown
}

// healthy reports whether nothing of the object itself keeps it from becoming
// ready. What is Unknown here gets the benefit of the doubt.
func healthy(out *Outcome) bool { return out.State == Rendered || out.State == Unknown }

func (s settlement) ownerStarted(out *Outcome) bool {
	owner := out.Object.Origin.Owner
	if owner == nil || s.world.outcomes[owner.Ref()] == nil {
		return true
	}
	return s.started[owner.Ref()] && healthy(s.world.outcomes[owner.Ref()])
}

func (s settlement) firstUnmet(out *Outcome) *Dependency {
	for _, dep := range Dependencies(out.Object) {
		switch {
		case s.world.outcomes[dep.Ref] != nil:
			if (dep.Ready || s.additive(out)) && !s.ready[dep.Ref] {
				return &dep
			}
		case !dep.Foreign || s.world.Object(dep.Ref) == nil && s.world.Producer(dep.Ref) == nil && s.allKnown():
			return &dep
		}
	}
	return nil
}

// additive reports whether the controller of an object checks readiness besides
// a readyExpr.
func (s settlement) additive(out *Outcome) bool {
	switch out.Object.GroupVersionKind().Group {
	case "helm.toolkit.fluxcd.io":
		return s.world.Settings.HelmAdditiveCELDependencyCheck
	case "kustomize.toolkit.fluxcd.io":
		return s.world.Settings.AdditiveCELDependencyCheck
	}
	return false
}

// firstUnready names the first Flux object below out that spec.wait waits for
// and that is not ready. A suspended one keeps the status that it has.
func (s settlement) firstUnready(out *Outcome) finding.Ref {
	spec, _ := out.Object.Object["spec"].(map[string]any)
	if wait, _ := spec["wait"].(bool); !wait {
		return finding.Ref{}
	}
	for _, o := range out.Applies {
		if child := s.world.outcomes[o.Ref()]; child != nil && child.State != Suspended && child.State != Unknown && !s.ready[o.Ref()] {
			return o.Ref()
		}
	}
	return finding.Ref{}
}

func (s settlement) conclude(out *Outcome) {
	ref := out.Object.Ref()
	if out.State != Rendered || s.ready[ref] {
		return
	}
	if s.started[ref] {
		out.Reason, out.On = ReasonWaitsForChild, []finding.Ref{s.firstUnready(out)}
		return
	}
	out.State = Blocked
	if !s.ownerStarted(out) {
		out.Reason, out.On = ReasonOwner, []finding.Ref{out.Object.Origin.Owner.Ref()}
		return
	}
	dep := s.firstUnmet(out)
	out.Reason, out.On = ReasonDepNotReady, []finding.Ref{dep.Ref}
	text := fmt.Sprintf("dependency '%s/%s' is not ready", dep.Namespace, dep.Name)
	if s.world.outcomes[dep.Ref] == nil {
		out.Reason = ReasonDepMissing
		text = fmt.Sprintf("dependency '%s/%s' not found", dep.Namespace, dep.Name)
	}
	out.Ready = Condition{Status: "False", Reason: "DependencyNotReady", Message: text}
}

// allKnown reports whether the World holds all that is ever applied: what is
// not known might hold anything.
func (s settlement) allKnown() bool {
	for _, out := range s.world.Outcomes {
		if out.State == Unknown || out.State == Failed {
			return false
		}
	}
	return true
}

// Dependency is one item of spec.dependsOn.
type Dependency struct {
	finding.Ref
	// Ready is set when the object waits until the dependency is ready. It is not
	// where a readyExpr replaces that check, which only a cluster can evaluate.
	Ready bool
	// Foreign is set when the dependency may be of any kind and need not be
	// made by Flux.
	Foreign bool
}

// Dependencies reads spec.dependsOn. It names objects of the same kind, by
// default in the same namespace; those of a ResourceSet name their kind.
func Dependencies(o *Object) []Dependency {
	spec, _ := o.Object["spec"].(map[string]any)
	list, _ := spec["dependsOn"].([]any)
	ref := o.Ref()
	var out []Dependency
	for _, item := range list {
		m, _ := item.(map[string]any)
		dep := Dependency{Ref: finding.Ref{Group: ref.Group, Kind: ref.Kind, Namespace: ref.Namespace}, Ready: true}
		dep.Name, _ = m["name"].(string)
		expr, _ := m["readyExpr"].(string)
		dep.Ready = expr == ""
		ns, _ := m["namespace"].(string)
		if ns != "" {
			dep.Namespace = ns
		}
		if kind, _ := m["kind"].(string); kind != "" && ref.Kind == "ResourceSet" {
			version, _ := m["apiVersion"].(string)
			group, _, grouped := strings.Cut(version, "/")
			if !grouped {
				group = ""
			}
			dep.Ref = finding.Ref{Group: group, Kind: kind, Namespace: ns, Name: dep.Name}
			wanted, _ := m["ready"].(bool)
			dep.Ready, dep.Foreign = dep.Ready && wanted, true
		}
		out = append(out, dep)
	}
	return out
}
