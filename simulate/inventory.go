package simulate

import (
	"context"
	"slices"
	"sort"

	"github.com/fluxcd/cli-utils/pkg/object"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// item is one line of an inventory.
type item struct {
	id      object.ObjMetadata
	version string
}

// inventoryOf reads an inventory; lines that name nothing are dropped.
func inventoryOf(inv *kustomizev1.ResourceInventory) []item {
	if inv == nil {
		return nil
	}
	var out []item
	for _, e := range inv.Entries {
		if id, err := object.ParseObjMetadata(e.ID); err == nil {
			out = append(out, item{id, e.Version})
		}
	}
	return out
}

// inventoryStatus is a change set as the status holds it.
func inventoryStatus(changes *ssa.ChangeSet) map[string]any {
	entries := []any{}
	for _, e := range changes.Entries {
		entries = append(entries, map[string]any{"id": e.ObjMetadata.String(), "v": e.GroupVersion})
	}
	return map[string]any{"entries": entries}
}

// stale returns what the old inventory has and the change set has not, as
// objects in the order of their kinds.
func stale(old []item, changes *ssa.ChangeSet) []*unstructured.Unstructured {
	keep := changes.ToObjMetadataSet()
	var out []*unstructured.Unstructured
	for _, i := range old {
		if !keep.Contains(i.id) {
			out = append(out, i.object())
		}
	}
	sort.Sort(ssa.SortableUnstructureds(out))
	return out
}

func (i item) object() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(i.id.GroupKind.WithVersion(i.version))
	u.SetNamespace(i.id.Namespace)
	u.SetName(i.id.Name)
	return u
}

func refOfID(id object.ObjMetadata) finding.Ref {
	return finding.Ref{Group: id.GroupKind.Group, Kind: id.GroupKind.Kind, Namespace: id.Namespace, Name: id.Name}
}

// prune deletes what a Kustomization does not render any more. Objects whose
// deletion the server refuses go back into the inventory.
func (r *replay) prune(ctx context.Context, a *attempt, old []item) error {
	objects := stale(old, a.changes)
	if !a.k.Spec.Prune {
		for _, u := range objects {
			r.orphan(ctx, a.subject, u, "prune-false")
		}
		return nil
	}
	if len(objects) == 0 {
		return nil
	}
	if err := r.yield(ctx, a.subject, objects); err != nil {
		return err
	}
	m, err := r.applier(ctx, a.k)
	if err != nil {
		return err
	}
	gone, err := r.deleteAll(ctx, m, a.k, objects)
	r.keepPruned(ctx, a.subject, gone)
	if err != nil {
		a.status.fields["inventory"] = withSurvivors(a.status.fields["inventory"], objects, gone)
		return err
	}
	if len(gone.Entries) > 0 {
		r.event(a.subject.ref, "Normal", "Progressing", gone.String())
	}
	return nil
}

func deleteOptions(m *ssa.ResourceManager, k *kustomizev1.Kustomization) ssa.DeleteOptions {
	by := authorityOf(k.GroupVersionKind().GroupKind())
	return ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        m.GetOwnerLabels(k.Name, k.Namespace),
		Exclusions: map[string]string{
			by.annotations + "/prune":     kustomizev1.DisabledValue,
			by.annotations + "/reconcile": kustomizev1.DisabledValue,
			by.annotations + "/ssa":       kustomizev1.IgnoreValue,
		},
	}
}

// withSurvivors adds the objects that were neither deleted nor skipped.
func withSurvivors(inv any, objects []*unstructured.Unstructured, gone *ssa.ChangeSet) any {
	m, _ := inv.(map[string]any)
	entries, _ := m["entries"].([]any)
	entries = slices.Clone(entries)
	for _, u := range objects {
		id := object.UnstructuredToObjMetadata(u)
		settled := slices.ContainsFunc(gone.Entries, func(e ssa.ChangeSetEntry) bool {
			return e.ObjMetadata == id && (e.Action == ssa.DeletedAction || e.Action == ssa.SkippedAction)
		})
		if !settled {
			entries = append(entries, map[string]any{"id": id.String(), "v": u.GroupVersionKind().Version})
		}
	}
	return map[string]any{"entries": entries}
}
