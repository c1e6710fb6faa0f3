package simulate

import (
	"context"
	"slices"
	"sort"

	"github.com/fluxcd/pkg/ssa"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// restorer brings objects that were read from a running cluster into this one:
// with their status, their field managers and their owners.
type restorer struct {
	*replay
	uids map[types.UID]types.UID // as read to as here, empty for what is left out
}

// restorers bounds how many objects are made at a time.
const restorers = 8

// restoring is the field manager of what nobody is known to manage.
const restoring = "flux-rehearse"

// dumped reports whether an object was read from a cluster. Those that are
// computed have no id.
func dumped(u *unstructured.Unstructured) bool {
	return u.GetUID() != "" || Computed(u.GroupVersionKind().Group)
}

// transient kinds say nothing that lasts, or are made anew by the server.
var transient = []schema.GroupKind{
	{Kind: "Event"}, {Group: "events.k8s.io", Kind: "Event"}, {Kind: "ComponentStatus"}, {Kind: "Endpoints"},
	{Group: "coordination.k8s.io", Kind: "Lease"}, {Group: "discovery.k8s.io", Kind: "EndpointSlice"},
	{Group: "networking.k8s.io", Kind: "IPAddress"}, {Group: "networking.k8s.io", Kind: "ServiceCIDR"},
}

// computed are the groups whose objects aggregated APIs compute when they are asked.
var computed = []string{"metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"}

// Computed reports whether the objects of an API group are computed when
// somebody asks for them, so that no cluster holds any.
func Computed(group string) bool { return slices.Contains(computed, group) }

// passing reports whether an object of a dump is left out without a word: what
// another server computes, and what every server makes for itself.
func passing(u *unstructured.Unstructured) bool {
	gk := u.GroupVersionKind().GroupKind()
	_, aggregated, _ := unstructured.NestedMap(u.Object, "spec", "service")
	switch {
	case slices.Contains(transient, gk) || Computed(gk.Group):
		return true
	case gk == (schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}):
		return !aggregated
	}
	return gk == (schema.GroupKind{Kind: "Service"}) && u.GetNamespace() == "default" && u.GetName() == "kubernetes"
}

// The order in which the objects of a dump are made. What decides about others
// comes when they are there: they were, when it came.
const (
	stageDefinitions = iota
	stageNamespaces
	stageGlobal
	stageLocal
	stageDeciding
	stages
)

func dumpStage(u *unstructured.Unstructured) int {
	ref := render.RefOf(u)
	_, policy := isPolicy(ref)
	switch {
	case groupKind(ref) == crdKind:
		return stageDefinitions
	case groupKind(ref) == namespaceKind:
		return stageNamespaces
	case policy || ref.Group == "" && slices.Contains([]string{"ResourceQuota", "LimitRange", "PersistentVolume"}, ref.Kind):
		return stageDeciding
	case ref.Namespace == "":
		return stageGlobal
	}
	return stageLocal
}

// restore makes the objects of a dump, owners before what they own.
func (r *replay) restore(ctx context.Context, dump []*unstructured.Unstructured) error {
	rest := restorer{replay: r, uids: map[types.UID]types.UID{}}
	list := slices.DeleteFunc(slices.Clone(dump), passing)
	sort.SliceStable(list, func(i, j int) bool {
		return ssa.SortableUnstructureds{list[i], list[j]}.Less(0, 1)
	})
	staged := make([][]*unstructured.Unstructured, stages)
	for _, u := range list {
		staged[dumpStage(u)] = append(staged[dumpStage(u)], u)
	}
	staged[stageNamespaces] = append(staged[stageNamespaces], rest.namespaces(ctx, list)...)
	for stage, objects := range staged {
		if err := rest.stage(ctx, objects); err != nil {
			return err
		}
		if stage == stageDefinitions && len(objects) > 0 {
			if err := r.establish(ctx); err != nil {
				r.note("not all kinds of the live cluster are served: %v", err)
			}
		}
	}
	rest.finish(ctx, list)
	return r.alive(ctx)
}

// namespaces are those that the objects of a dump lie in and that it lacks.
func (r restorer) namespaces(ctx context.Context, list []*unstructured.Unstructured) []*unstructured.Unstructured {
	have := map[string]bool{"": true}
	for _, u := range append(r.cluster.list(ctx, namespaceKind), list...) {
		if u.GetKind() == namespaceKind.Kind {
			have[u.GetName()] = true
		}
	}
	var out []*unstructured.Unstructured
	for _, u := range list {
		if ns := u.GetNamespace(); !have[ns] {
			have[ns] = true
			out = append(out, made("v1", namespaceKind.Kind, "", ns))
		}
	}
	return out
}

// stage makes objects that do not depend on each other but by ownership.
func (r restorer) stage(ctx context.Context, list []*unstructured.Unstructured) error {
	for len(list) > 0 {
		var now, later []*unstructured.Unstructured
		pending := map[types.UID]bool{}
		for _, u := range list {
			pending[u.GetUID()] = true
		}
		for _, u := range list {
			if slices.ContainsFunc(u.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return pending[o.UID] }) {
				later = append(later, u)
			} else {
				now = append(now, u)
			}
		}
		if len(now) == 0 { // owners that own each other
			for _, u := range later {
				u.SetOwnerReferences(nil)
			}
			now, later = later, nil
		}
		r.level(ctx, now)
		if err := r.alive(ctx); err != nil {
			return err
		}
		list = later
	}
	return nil
}

// level makes objects whose owners are there, several at a time.
func (r restorer) level(ctx context.Context, list []*unstructured.Unstructured) {
	all := make([]restored, len(list))
	var group errgroup.Group
	group.SetLimit(restorers)
	for i, u := range list {
		all[i].dumped = r.served(u, &all[i])
		bare := r.bare(all[i].dumped)
		group.Go(func() error {
			all[i].make(ctx, r.cluster.plain, bare)
			return nil
		})
	}
	_ = group.Wait()
	for i, u := range list {
		r.keep(u, all[i])
	}
}

// served is an object in a version of its kind that the server serves.
func (r restorer) served(u *unstructured.Unstructured, out *restored) *unstructured.Unstructured {
	gvk := u.GroupVersionKind()
	if _, err := r.cluster.mapper.RESTMapping(gvk.GroupKind(), gvk.Version); err == nil {
		return u
	}
	m, err := r.cluster.mapping(gvk.GroupKind())
	if err != nil {
		return u
	}
	c := u.DeepCopy()
	c.SetGroupVersionKind(m.GroupVersionKind)
	out.note("the live object %s is taken as %s: the server does not serve %s", render.RefOf(u), m.GroupVersionKind.GroupVersion(), gvk.GroupVersion())
	return c
}

// keep takes note of an object that was made, or of why it was not.
func (r restorer) keep(u *unstructured.Unstructured, done restored) {
	ref := render.RefOf(u)
	for _, n := range done.notes {
		r.note("%s", n)
	}
	if uid := u.GetUID(); uid != "" {
		r.uids[uid] = ""
	}
	if done.live == nil {
		return
	}
	r.uids[u.GetUID()] = done.live.GetUID()
	r.clock++
	r.placed++
	r.owned = r.owned || len(done.live.GetOwnerReferences()) > 0
	r.applied[ref] = &render.Object{Unstructured: u, Origin: render.Origin{Outside: true}}
	r.decided(ref)
	if _, ok, _ := unstructured.NestedMap(u.Object, "status"); ok && metav1.GetControllerOf(done.live) != nil {
		r.reported[done.live.GetUID()] = generation(done.live) // Flux waits for none of them: they may stay as they are
	}
	if st := statusOf(u); groupKind(ref) == jobKind && (st.is("Complete", "True") || st.is("Failed", "True")) {
		r.over[done.live.GetUID()] = true
	}
	if len(u.GetManagedFields()) == 0 {
		r.unclaimed[ref] = true
	}
}

// finish brings objects into states in which none could have been made: the
// labels of namespaces that judge pods, and deletions that go on.
func (r restorer) finish(ctx context.Context, list []*unstructured.Unstructured) {
	for _, u := range list {
		if groupKind(render.RefOf(u)) == namespaceKind && r.uids[u.GetUID()] != "" && judges(u) {
			if err := r.judging(ctx, u); err != nil {
				r.note("the labels of the live object %s are left out: %v", render.RefOf(u), err)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *unstructured.Unstructured) int { return dumpStage(b) - dumpStage(a) })
	for _, u := range list {
		if u.GetDeletionTimestamp() == nil || r.uids[u.GetUID()] == "" {
			continue
		}
		ref := render.RefOf(u)
		if err := r.cluster.plain.Delete(ctx, pointer(u), propagation(u), client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			r.note("the deletion of the live object %s is left out: %v", ref, err)
			continue
		}
		r.deletions++
		r.clock++
		r.blocking = r.blocking || waitsForOwned(u.Object)
		r.noteEnding(finding.Ref{}, ref)
	}
}

// judging gives a namespace the labels by which it judges pods.
func (r restorer) judging(ctx context.Context, u *unstructured.Unstructured) error {
	live := pointer(u)
	if err := r.cluster.plain.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
		return err
	}
	live.SetLabels(u.GetLabels())
	if managers := u.GetManagedFields(); len(managers) > 0 {
		live.SetManagedFields(managers)
	}
	return r.cluster.plain.Update(ctx, live, client.FieldOwner(restoring))
}

// pointer names an object to the server.
func pointer(u *unstructured.Unstructured) *unstructured.Unstructured {
	return made(u.GetAPIVersion(), u.GetKind(), u.GetNamespace(), u.GetName())
}

// propagation is how the object that is being deleted was deleted.
func propagation(u *unstructured.Unstructured) client.PropagationPolicy {
	switch {
	case slices.Contains(u.GetFinalizers(), metav1.FinalizerDeleteDependents):
		return client.PropagationPolicy(metav1.DeletePropagationForeground)
	case slices.Contains(u.GetFinalizers(), metav1.FinalizerOrphanDependents):
		return client.PropagationPolicy(metav1.DeletePropagationOrphan)
	}
	return client.PropagationPolicy(metav1.DeletePropagationBackground)
}
