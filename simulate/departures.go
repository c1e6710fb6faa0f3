package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/ssa"
	ssaerrors "github.com/fluxcd/pkg/ssa/errors"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// lingering says that an apply has deleted an object to make it anew, and that
// the object does not go. The controller waits for that without end.
type lingering struct {
	objects []*unstructured.Unstructured
}

func (l lingering) Error() string {
	var out []string
	for _, u := range l.objects {
		out = append(out, fmt.Sprintf("%s is being deleted and does not go: finalizers %q hold it", ssautils.FmtUnstructured(u), u.GetFinalizers()))
	}
	return strings.Join(out, "; ")
}

func (l lingering) refs() []finding.Ref {
	var out []finding.Ref
	for _, u := range l.objects {
		out = append(out, render.RefOf(u))
	}
	return out
}

// halted says that an apply that waits for an object does not get to write.
type halted struct{}

func (halted) Error() string { return "nothing is applied before what is being deleted has gone" }

// departures is the client of an apply that does not wait for what is being
// deleted, since nothing else happens as long as it does.
type departures struct {
	client.Client
	halt   bool                                             // dry runs and deletions only
	prompt func(ctx context.Context, ref finding.Ref) error // before an object is written, nil for nothing
	wrote  []finding.Ref                                    // so far
}

// Get implements client.Client. An apply reads an object that is being deleted
// once before it deletes it, and then until it is gone.
func (d *departures) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	marked := obj.GetDeletionTimestamp() != nil || obj.GetResourceVersion() != ""
	if err := d.Client.Get(ctx, key, obj, opts...); err != nil {
		return err
	}
	u, ok := obj.(*unstructured.Unstructured)
	if ok && marked && u.GetDeletionTimestamp() != nil {
		return lingering{[]*unstructured.Unstructured{u.DeepCopy()}}
	}
	return nil
}

// Delete implements client.Client. No kubelet ends the Pods of the cluster.
func (d *departures) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if obj.GetObjectKind().GroupVersionKind().Kind == "Pod" {
		opts = append(opts, client.GracePeriodSeconds(0))
	}
	return d.Client.Delete(ctx, obj, opts...)
}

// Patch implements client.Client.
func (d *departures) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	o := (&client.PatchOptions{}).ApplyOptions(opts)
	u, ok := obj.(*unstructured.Unstructured)
	//lint:ignore SA1019 the library applies by way of a patch
	if !ok || patch != client.Apply || len(o.DryRun) > 0 {
		return d.Client.Patch(ctx, obj, patch, opts...)
	}
	if d.halt {
		return halted{}
	}
	ref := render.RefOf(u)
	if d.prompt != nil {
		if err := d.prompt(ctx, ref); err != nil {
			return err
		}
	}
	d.wrote = append(d.wrote, ref)
	return d.Client.Patch(ctx, obj, patch, opts...)
}

// staged is an apply in stages.
type staged struct {
	client  *departures
	manager *ssa.ResourceManager // on the client
	objects []*unstructured.Unstructured
	opts    ssa.ApplyOptions
}

// applyStaged applies objects as the controller does. What it deletes to make it
// anew goes with the help of the rest of the cluster; where it does not, the
// error is lingering, unless another object of the stage fails in that time.
func (r *replay) applyStaged(ctx context.Context, p staged) (*ssa.ChangeSet, error) {
	all := ssa.NewChangeSet()
	for {
		changes, err := p.apply(ctx, p.objects)
		all = merged(all, changes)
		if gone := r.alive(ctx); gone != nil {
			return all, gone
		}
		var l lingering
		if !errors.As(err, &l) {
			return all, p.overtaken(ctx, err)
		}
		gone, settled := r.departed(ctx, l.refs()[0])
		if settled != nil {
			return all, settled
		}
		if !gone {
			return all, p.whileLingering(ctx, l)
		}
	}
}

// merged adds to a change set what a repeated apply says of objects that are
// not in it yet.
func merged(first, more *ssa.ChangeSet) *ssa.ChangeSet {
	if more == nil {
		return first
	}
	if len(first.Entries) == 0 {
		return more
	}
	for _, e := range more.Entries {
		if !slices.ContainsFunc(first.Entries, func(have ssa.ChangeSetEntry) bool {
			return have.ObjMetadata == e.ObjMetadata && have.GroupVersion == e.GroupVersion
		}) {
			first.Entries = append(first.Entries, e)
		}
	}
	return first
}

// departed lets the rest of the cluster deal with an object that is being
// deleted, and reports whether it has gone.
func (r *replay) departed(ctx context.Context, ref finding.Ref) (bool, error) {
	defer r.aside()()
	for before := -1; before != r.moment(); {
		before = r.moment()
		if err := r.settle(ctx); err != nil {
			return false, err
		}
		if u := r.cluster.read(ctx, ref); u == nil || u.GetDeletionTimestamp() == nil {
			return true, nil
		}
	}
	return false, nil
}

// apply applies objects once.
func (p staged) apply(ctx context.Context, objects []*unstructured.Unstructured) (*ssa.ChangeSet, error) {
	if ahead, ok := p.manager.Client().(*forerunner); ok {
		ahead.expect(objects, p.opts)
	}
	return p.manager.ApplyAllStaged(ctx, objects, p.opts)
}

// others does what happens up to the end of a stage to all objects but some,
// without applying any. The error is halted when none of them fails.
func (p staged) others(ctx context.Context, stage int, skipped func(*unstructured.Unstructured) bool) error {
	var rest []*unstructured.Unstructured
	for _, u := range p.objects {
		if stageOf(u, p.opts) <= stage && !skipped(u) {
			rest = append(rest, u)
		}
	}
	p.client.halt = true
	_, err := p.apply(ctx, rest)
	if err == nil || errors.As(err, &halted{}) {
		return halted{}
	}
	return err
}

// whileLingering does what else happens in the stage of an object that does not
// go: an error of another object ends the wait.
func (p staged) whileLingering(ctx context.Context, l lingering) error {
	for {
		err := p.others(ctx, stageOf(l.objects[0], p.opts), func(u *unstructured.Unstructured) bool {
			return slices.Contains(l.refs(), render.RefOf(u))
		})
		var more lingering
		switch {
		case errors.As(err, &more):
			l.objects = append(l.objects, more.objects...)
		case errors.As(err, &halted{}):
			return l
		default:
			return err
		}
	}
}

// overtaken returns the error that the controller meets first. The server looks
// a second time, after a pause, before it says that a namespace is not there;
// meanwhile another object of the stage may have failed.
func (p staged) overtaken(ctx context.Context, err error) error {
	homeless := map[finding.Ref]bool{}
	for next := err; ; {
		var dry *ssaerrors.DryRunErr
		if !errors.As(next, &dry) || dry.InvolvedObject() == nil {
			return err
		}
		u := dry.InvolvedObject()
		if !lacksNamespace(next) {
			return p.firstToFail(ctx, u, next)
		}
		homeless[render.RefOf(u)] = true
		for _, ref := range p.homeless(ctx, u.GetNamespace()) {
			homeless[ref] = true
		}
		next = p.others(ctx, stageOf(u, p.opts), func(u *unstructured.Unstructured) bool { return homeless[render.RefOf(u)] })
	}
}

// firstToFail is the error on the object that the controller stops at, given the
// one that comes first in the order of the stage. It looks at several objects at
// a time, and starts with the last one of them. That a kind is not served it
// knows after one question; a refusal takes two.
func (p staged) firstToFail(ctx context.Context, failed *unstructured.Unstructured, err error) error {
	stage := stageOf(failed, p.opts)
	var first []*unstructured.Unstructured
	for _, u := range p.objects {
		if stageOf(u, p.opts) == stage {
			first = append(first, u)
		}
	}
	slices.SortStableFunc(first, inOrder)
	first = first[:min(len(first), askedAtOnce)]
	named := func(u *unstructured.Unstructured) bool { return render.RefOf(u) == render.RefOf(failed) }
	if !slices.ContainsFunc(first, named) {
		return err
	}
	last := len(first) - 1
	first = append([]*unstructured.Unstructured{first[last]}, first[:last]...)
	i := slices.IndexFunc(first, p.unserved)
	if i < 0 {
		i = slices.IndexFunc(first, func(u *unstructured.Unstructured) bool { return named(u) || p.refuses(ctx, u) })
	}
	if named(first[i]) {
		return err
	}
	stop := render.RefOf(first[i])
	next := p.others(ctx, stage, func(u *unstructured.Unstructured) bool {
		return stageOf(u, p.opts) == stage && render.RefOf(u) != stop
	})
	if dry := (&ssaerrors.DryRunErr{}); !errors.As(next, &dry) {
		return err
	}
	return next
}

func (p staged) unserved(u *unstructured.Unstructured) bool {
	gvk := u.GroupVersionKind()
	_, err := p.client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	return meta.IsNoMatchError(err)
}

// refuses reports whether the server refuses an object at its first look. What
// would be deleted and made anew is not refused yet.
func (p staged) refuses(ctx context.Context, u *unstructured.Unstructured) bool {
	ahead, ok := p.manager.Client().(*forerunner)
	if !ok {
		return false
	}
	said := ahead.foretell(ctx, u.DeepCopy())
	forced := said.liveErr == nil && (p.opts.Force || ssautils.AnyInMetadata(u, p.opts.ForceSelector))
	return said.dryErr != nil && !forced && !lacksNamespace(said.dryErr)
}

// inOrder compares two objects by the order in which a stage is looked at.
func inOrder(a, b *unstructured.Unstructured) int {
	pair := ssa.SortableUnstructureds{a, b}
	switch {
	case pair.Less(0, 1):
		return -1
	case pair.Less(1, 0):
		return 1
	}
	return 0
}

// homeless are the objects that the server refuses since their namespace is not
// there. What is wrong with an object otherwise, it may say before it looks.
func (p staged) homeless(ctx context.Context, namespace string) []finding.Ref {
	ahead, ok := p.manager.Client().(*forerunner)
	lacks := make([]bool, len(p.objects))
	var group errgroup.Group
	group.SetLimit(askedAtOnce)
	for i, u := range p.objects {
		if u.GetNamespace() == namespace {
			group.Go(func() error {
				lacks[i] = !ok || lacksNamespace(ahead.foretell(ctx, u.DeepCopy()).dryErr)
				return nil
			})
		}
	}
	_ = group.Wait() // what fails is part of the answers
	var out []finding.Ref
	for i, u := range p.objects {
		if lacks[i] {
			out = append(out, render.RefOf(u))
		}
	}
	return out
}

// lacksNamespace reports whether the server says that the namespace of an object
// is not there.
func lacksNamespace(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// stageOf is the stage in which an object is applied.
func stageOf(u *unstructured.Unstructured, opts ssa.ApplyOptions) int {
	switch {
	case ssautils.IsClusterDefinition(u):
		return 1
	case ssautils.IsClassDefinition(u):
		return 2
	case ssautils.IsCustomStage(u, opts.CustomStageKinds):
		return 3
	}
	return 4
}

// lingers leaves a Kustomization in the midst of an attempt that does not end
// before objects have gone.
func (r *replay) lingers(ctx context.Context, a *attempt, l lingering) error {
	m := a.subject.mem
	m.reason, m.on = "deletion-pending", l.refs()
	var stay []Refusal
	for _, u := range l.objects {
		o := a.original(u)
		stay = append(stay, Refusal{Object: o, Exists: true, Error: diff.Error{
			Reason: "DeletionPending", Message: lingering{[]*unstructured.Unstructured{u}}.Error() + "; Flux waits for it and applies nothing else",
		}})
	}
	others := slices.DeleteFunc(m.failures, func(f Refusal) bool { return slices.Contains(m.on, f.Object.Ref()) })
	for i := range others {
		others[i].Beyond = true
	}
	m.failures = append(stay, others...)
	a.status.set(conditionReady, "Unknown", "Progressing", "Reconciliation in progress")
	a.status.set(conditionReconciling, "True", "Progressing",
		fmt.Sprintf("Detecting drift for revision %s with a timeout of %s", a.status.text("lastAttemptedRevision"), a.k.GetTimeout()))
	a.status.drop(conditionStalled)
	return r.conclude(ctx, a.subject, a.status, phaseLingering)
}

// lingering reports whether the controller still waits for objects to go.
func (r *replay) lingering(ctx context.Context, m *memory) bool {
	return m.phase == phaseLingering && slices.ContainsFunc(m.on, func(ref finding.Ref) bool {
		u := r.cluster.read(ctx, ref)
		return u != nil && u.GetDeletionTimestamp() != nil
	})
}
