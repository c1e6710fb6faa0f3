package simulate

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// controllers are the service accounts that an installation of Flux has.
var controllers = []string{
	"helm-controller", "image-automation-controller", "image-reflector-controller", "kustomize-controller",
	"notification-controller", "source-controller", "source-watcher",
}

// install puts into the cluster what is there before the first step.
func (r *replay) install(ctx context.Context) error {
	r.step = &stepRun{}
	r.recorder.neutral = r.opts.Emulate.Webhooks
	if err := r.installDefinitions(ctx); err != nil {
		return err
	}
	if err := r.installFlux(ctx); err != nil {
		return err
	}
	if err := r.placeholders(ctx); err != nil {
		return err
	}
	if r.opts.States {
		for _, u := range r.everything(ctx) {
			r.boot[u.GetUID()] = !r.brought(u)
		}
	}
	if err := r.preload(ctx); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	return r.alive(ctx)
}

// installDefinitions defines the kinds of Flux.
func (r *replay) installDefinitions(ctx context.Context) error {
	if r.opts.Ahead != nil {
		return nil
	}
	if err := errors.Join(r.define(ctx, r.fluxDefinitions(r.opts.FluxCRDs))...); err != nil {
		return fmt.Errorf("install the CRDs of Flux: %w", err)
	}
	return r.establish(ctx)
}

// fluxDefinitions are definitions as the installation of Flux applies them.
func (r *replay) fluxDefinitions(crds []*unstructured.Unstructured) []managedCRD {
	out := make([]managedCRD, len(crds))
	for i, crd := range crds {
		out[i] = managedCRD{crd, r.opts.seedManager()}
	}
	return out
}

func edits(objects []*unstructured.Unstructured) []Edit {
	out := make([]Edit, len(objects))
	for i, u := range objects {
		out[i] = Edit{Object: u}
		for _, m := range u.GetManagedFields() {
			if m.Subresource == "" && out[i].Manager == "" {
				out[i].Manager = m.Manager
			}
		}
	}
	return out
}

// installFlux makes what an installation of Flux needs besides its CRDs.
func (r *replay) installFlux(ctx context.Context) error {
	if len(r.opts.Steps) == 0 {
		return nil
	}
	ns := r.opts.Steps[0].Entry.Root.Namespace
	if ns == "" {
		ns = "flux-system"
	}
	objects := []*unstructured.Unstructured{made("v1", "Namespace", "", ns)}
	if r.opts.Emulate.FluxInstall {
		binding := made("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "cluster-reconciler-"+ns)
		binding.Object["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
		var subjects []any
		for _, name := range controllers {
			objects = append(objects, made("v1", "ServiceAccount", ns, name))
			subjects = append(subjects, map[string]any{"kind": "ServiceAccount", "name": name, "namespace": ns})
		}
		binding.Object["subjects"] = subjects
		objects = append(objects, binding)
	}
	for _, u := range objects {
		if err := r.put(ctx, u, r.opts.seedManager()); err != nil {
			return fmt.Errorf("install Flux: %w", err)
		}
	}
	return nil
}

func made(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// put applies an object as somebody other than Flux.
func (r *replay) put(ctx context.Context, u *unstructured.Unstructured, manager string) error {
	err := r.send(ctx, u, manager)
	if err == nil {
		r.sent(u)
	}
	return err
}

// send is put without what the replay notes of it.
func (r *replay) send(ctx context.Context, u *unstructured.Unstructured, manager string) error {
	c := u.DeepCopy()
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	c.SetUID("")
	unstructured.RemoveNestedField(c.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(c.Object, "metadata", "generation")
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if err := r.cluster.plain.Patch(ctx, c, client.Apply, client.FieldOwner(manager), client.ForceOwnership); err != nil {
		return fmt.Errorf("%s: %w", render.RefOf(u), err)
	}
	return nil
}

// sent notes an object that somebody other than Flux has applied.
func (r *replay) sent(u *unstructured.Unstructured) {
	r.clock++
	r.placed++
	r.owned = r.owned || len(u.GetOwnerReferences()) > 0
	r.decided(render.RefOf(u))
}

// edit does what others do to the cluster. What the server refuses becomes a note.
func (r *replay) edit(ctx context.Context, list []Edit) {
	sorted := append([]Edit(nil), list...)
	sort.SliceStable(sorted, func(i, j int) bool {
		return ssa.SortableUnstructureds{sorted[i].Object, sorted[j].Object}.Less(0, 1)
	})
	for _, e := range sorted {
		manager := e.Manager
		if manager == "" {
			manager = "kubectl"
		}
		if err := r.put(ctx, e.Object, manager); err != nil {
			r.note("the cluster refuses %v", err)
			continue
		}
		r.applied[render.RefOf(e.Object)] = &render.Object{Unstructured: e.Object, Origin: render.Origin{Outside: true}}
		if e.Object.GetKind() == crdKind.Kind {
			if err := r.establish(ctx); err != nil {
				r.note("%s is not served: %v", render.RefOf(e.Object), err)
			}
		}
	}
}

// upgradeFlux replaces the CRDs of Flux as its installation does before its
// controllers run. What the server refuses, as the removal of a version in which
// objects are stored, becomes a note.
func (r *replay) upgradeFlux(ctx context.Context, crds []*unstructured.Unstructured) error {
	if len(crds) == 0 {
		return nil
	}
	for _, crd := range crds {
		if err := r.put(ctx, crd, r.opts.seedManager()); err != nil {
			r.note("the upgrade of Flux fails at %v", err)
		}
	}
	return r.establish(ctx)
}

// edits does what others do before the step, and brings in the seeds of the
// entry before the first one.
func (r *replay) edits(ctx context.Context) error {
	in := r.step.input
	if err := r.upgradeFlux(ctx, in.FluxCRDs); err != nil {
		return err
	}
	r.edit(ctx, in.Apply)
	for _, e := range in.Delete {
		u := e.Object.DeepCopy()
		if err := r.cluster.plain.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
			r.note("the cluster refuses to delete %s: %v", render.RefOf(u), err)
		}
		r.clock++
		r.placed++
		r.deletions++
		r.noteEnding(finding.Ref{}, render.RefOf(u))
	}
	if r.seeded {
		return r.alive(ctx)
	}
	r.seeded = true
	for _, seed := range in.Entry.Seeds {
		u := &unstructured.Unstructured{Object: seed.Object}
		o := &render.Object{Unstructured: u, Origin: render.Origin{Doc: seed.Doc, Place: seed.Pos}}
		if err := r.put(ctx, u, r.opts.seedManager()); err != nil {
			r.note("the cluster refuses the seed %v", err)
			continue
		}
		r.applies([]*render.Object{o})
	}
	return r.alive(ctx)
}
