package simulate

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// ownersNow is every Flux object as the server holds it.
func (r *replay) ownersNow(ctx context.Context) map[finding.Ref]*unstructured.Unstructured {
	out := map[finding.Ref]*unstructured.Unstructured{}
	for _, k := range fluxKinds {
		for _, u := range r.cluster.list(ctx, k.GroupKind) {
			out[render.RefOf(u)] = u
		}
	}
	return out
}

// evidence keeps an object as facts need to know it.
func (r *replay) evidence(ctx context.Context, h *history, c diff.Change) {
	o := facts.Object{
		Ref: h.ref, Owner: c.Owner, From: c.From, Action: c.Action, Reason: c.Reason, Before: h.before, After: h.after, Instances: h.instances,
		At: func(pointer string) finding.Position { return r.placeOf(h.owner, h.ref, pointer) },
	}
	if c.Action == diff.Delete {
		o.After = nil
	}
	if groupKind(h.ref) == crdKind && len(facts.Unserved(o.Before, o.After)) > 0 && o.After != nil {
		defined := definition(o.After)
		o.Written = r.contents(ctx, groupKind(defined))
	}
	r.step.observed = append(r.step.observed, o)
}

// declared reports whether somebody in the repository applies an object or has
// applied it, or whether a controller makes it of what is applied.
func (r *replay) declared(ref finding.Ref) bool {
	_, flux := kindOf(ref)
	o := r.applied[ref]
	return flux || o != nil && !o.Origin.Outside || r.produced[ref]
}

// facts says what a reviewer has to know about the step. What was so before the
// step already is not said again.
func (r *replay) facts(ctx context.Context) []finding.Fact {
	now := r.step.after
	_ = r.enforce(ctx) // the step is over: that the server is gone is found out by whoever asks it next
	trials := r.podTrials(ctx)
	s := facts.Step{Empty: r.known == nil, Objects: r.step.observed, Orphans: r.orphans(ctx, now), Workloads: r.podRunners(ctx), Declared: r.declared,
		Held:    func(ref finding.Ref) bool { return r.cluster.read(ctx, ref) != nil },
		Refused: r.podsRefused(trials), Quotas: r.shortages(ctx, trials), Warned: r.warnings(), Dropped: r.dropped(ctx), Postponed: r.postponed(ctx)}
	r.later(ctx, &s)
	for _, ref := range sortedRefs(r.step.owners, now) {
		o := facts.Owner{Ref: ref, Rendered: r.appliedBy(ref), At: func(pointer string) finding.Position { return r.placeOf(finding.Ref{}, ref, pointer) },
			Place: func(object finding.Ref, pointer string) finding.Position { return r.placeOf(ref, object, pointer) }}
		if was := r.step.owners[ref]; was != nil {
			o.Before = was.Object
		}
		if is := now[ref]; is != nil {
			o.After = is.Object
		}
		s.Owners = append(s.Owners, o)
	}
	r.selections(ctx, &s)
	before := r.piled
	r.piledUp(ctx, s.Owners, now)
	for i, o := range s.Owners {
		s.Owners[i].Piled = before[o.Ref]
	}
	r.claims(ctx, s.Owners)
	all := facts.Of(s)
	out := slices.DeleteFunc(slices.Clone(all), func(f finding.Fact) bool {
		return slices.ContainsFunc(r.known, func(k finding.Fact) bool { return finding.CompareFacts(f, k) == 0 })
	})
	if r.known = all; r.known == nil {
		r.known = []finding.Fact{}
	}
	return out
}

// sortedRefs lists the keys of some maps, each once.
func sortedRefs[T any](sets ...map[finding.Ref]T) []finding.Ref {
	var out []finding.Ref
	for _, set := range sets {
		for ref := range set {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, finding.Ref.Compare)
	return slices.Compact(out)
}

// appliedBy is what a Flux object has applied and goes on to apply.
func (r *replay) appliedBy(ref finding.Ref) map[finding.Ref]map[string]any {
	m := r.memory[ref]
	if m == nil || m.phase != phaseDone && m.phase != phaseWaiting {
		return nil
	}
	out := map[finding.Ref]map[string]any{}
	for ref, o := range m.rendered {
		if !o.Origin.Hook {
			out[ref] = o.Object
		}
	}
	return out
}

// podRunners are the workloads of the cluster, where a change may concern what
// they read, or what they refer to.
func (r *replay) podRunners(ctx context.Context) []map[string]any {
	read := func(o facts.Object) bool {
		return o.Ref.Group == "" && (o.Ref.Kind == "ConfigMap" || o.Ref.Kind == "Secret" || o.Ref.Kind == claimKind.Kind) || o.Ref.Group == "apps"
	}
	if !slices.ContainsFunc(r.step.observed, read) {
		return nil
	}
	return r.contents(ctx, apps("DaemonSet"), apps("Deployment"), apps("StatefulSet"), schema.GroupKind{Group: "batch", Kind: "CronJob"})
}

func apps(kind string) schema.GroupKind { return schema.GroupKind{Group: "apps", Kind: kind} }

// contents are the objects of some kinds that the cluster holds.
func (r *replay) contents(ctx context.Context, kinds ...schema.GroupKind) []map[string]any {
	var out []map[string]any
	for _, kind := range kinds {
		for _, u := range r.cluster.list(ctx, kind) {
			out = append(out, u.Object)
		}
	}
	return out
}

// selections adds what selects pods, the pods to select, the claims to hosts,
// and what decides about rights and volumes, where the step may concern them.
func (r *replay) selections(ctx context.Context, s *facts.Step) {
	some := func(about func(facts.Object) bool) bool { return slices.ContainsFunc(s.Objects, about) }
	if some(func(o facts.Object) bool {
		return o.Before != nil && o.Action != diff.Unchanged && (facts.RunsPods(o.Ref.Group, o.Ref.Kind) || facts.SelectsPods(o.Ref.Group, o.Ref.Kind))
	}) {
		s.Selectors = r.contents(ctx, serviceKind, schema.GroupKind{Group: "networking.k8s.io", Kind: "NetworkPolicy"},
			schema.GroupKind{Group: "policy", Kind: "PodDisruptionBudget"})
		s.Runners = r.contents(ctx, apps("DaemonSet"), apps("Deployment"), apps("ReplicaSet"), apps("StatefulSet"), schema.GroupKind{Kind: "Pod"},
			schema.GroupKind{Kind: "ReplicationController"}, schema.GroupKind{Group: "batch", Kind: "CronJob"}, schema.GroupKind{Group: "batch", Kind: "Job"})
	}
	if some(func(o facts.Object) bool {
		return o.Action != diff.Unchanged && (facts.Routes(o.Ref.Group, o.Ref.Kind) || o.Before != nil && groupKind(o.Ref) == serviceKind)
	}) {
		s.Routes = r.contents(ctx, schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, gateway("HTTPRoute"), gateway("Gateway"))
		s.Services = r.contents(ctx, serviceKind)
	}
	if some(func(o facts.Object) bool { return groupKind(o.Ref) == clusterRoleKind }) {
		s.Roles = r.contents(ctx, clusterRoleKind)
	}
	if slices.ContainsFunc(slices.Concat(s.Objects, s.Postponed), func(o facts.Object) bool {
		return o.Before != nil && groupKind(o.Ref) == claimKind && (o.Action == diff.Delete || o.Action == diff.Recreate)
	}) {
		s.Storage = r.contents(ctx, schema.GroupKind{Kind: "PersistentVolume"}, schema.GroupKind{Group: "storage.k8s.io", Kind: "StorageClass"})
	}
}

func gateway(kind string) schema.GroupKind {
	return schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: kind}
}

var (
	serviceKind     = schema.GroupKind{Kind: "Service"}
	claimKind       = schema.GroupKind{Kind: "PersistentVolumeClaim"}
	clusterRoleKind = schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}
	roleKind        = schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "Role"}
)
