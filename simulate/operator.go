package simulate

import (
	"context"
	"fmt"
	"strings"
	"time"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// The kinds of the Flux Operator, which apply and prune objects as a
// Kustomization does.
var (
	resourceSetKind   = schema.GroupKind{Group: operatorGroup, Kind: "ResourceSet"}
	fluxInstanceKind  = schema.GroupKind{Group: operatorGroup, Kind: "FluxInstance"}
	inputProviderKind = schema.GroupKind{Group: operatorGroup, Kind: "ResourceSetInputProvider"}
)

const (
	operatorGroup     = "fluxcd.controlplane.io"
	resourceSetGroup  = "resourceset.fluxcd.controlplane.io"
	fluxOperator      = "flux-operator"
	operatorFinalizer = "fluxcd.controlplane.io/finalizer"

	operatorInterval = time.Hour
	operatorTimeout  = 5 * time.Minute
)

// authority is what tells the controllers that apply and prune objects apart.
type authority struct {
	manager     string   // field manager
	labels      string   // prefix of the labels that name the owner of an object
	annotations string   // prefix of the annotations of objects that it minds
	early       []string // kinds that it applies before others, beyond those that all do
}

// authorityOf is the controller of the kind.
func authorityOf(kind schema.GroupKind) authority {
	switch kind {
	case resourceSetKind:
		return authority{fluxOperator, resourceSetGroup, operatorGroup, []string{"rbac.authorization.k8s.io/Role"}}
	case fluxInstanceKind:
		return authority{fluxOperator, operatorGroup, operatorGroup, nil}
	}
	return authority{kustomizeController, kustomizeGroup, kustomizeGroup, nil}
}

// ownerKindsByLabel are the kinds whose names objects carry in labels.
var ownerKindsByLabel = []schema.GroupKind{kustomizationKind, resourceSetKind, fluxInstanceKind}

func operated(ref finding.Ref) bool { return ref.Group == operatorGroup }

// operatorPaused reports whether an annotation keeps the operator from its object.
func operatorPaused(u *unstructured.Unstructured) bool {
	return u.GroupVersionKind().Group == operatorGroup && strings.EqualFold(u.GetAnnotations()[operatorGroup+"/reconcile"], kustomizev1.DisabledValue)
}

// planOf reads an object of the operator as the Kustomization that would do the same.
func planOf(u *unstructured.Unstructured) (*kustomizev1.Kustomization, error) {
	k := &kustomizev1.Kustomization{}
	k.SetGroupVersionKind(u.GroupVersionKind())
	k.ObjectMeta = metav1.ObjectMeta{Name: u.GetName(), Namespace: u.GetNamespace(), UID: u.GetUID(), Generation: u.GetGeneration()}
	k.Spec.Prune, k.Spec.Suspend = true, operatorPaused(u)
	k.Spec.Interval = metav1.Duration{Duration: durationIn(u, "/reconcileEvery", operatorInterval)}
	k.Spec.Timeout = &metav1.Duration{Duration: durationIn(u, "/reconcileTimeout", operatorTimeout)}
	if u.GetKind() == resourceSetKind.Kind {
		k.Spec.Wait, _, _ = unstructured.NestedBool(u.Object, "spec", "wait")
		k.Spec.ServiceAccountName, _, _ = unstructured.NestedString(u.Object, "spec", "serviceAccountName")
	}
	if inv, ok, _ := unstructured.NestedMap(u.Object, "status", "inventory"); ok {
		k.Status.Inventory = &kustomizev1.ResourceInventory{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(inv, k.Status.Inventory); err != nil {
			return nil, fmt.Errorf("read the inventory of %s: %w", u.GetName(), err)
		}
	}
	return k, nil
}

func durationIn(u *unstructured.Unstructured, annotation string, fallback time.Duration) time.Duration {
	if d, err := time.ParseDuration(u.GetAnnotations()[operatorGroup+annotation]); err == nil {
		return d
	}
	return fallback
}

// providersOf tells the input providers that a ResourceSet may read, which wake
// it when they change.
func (r *replay) providersOf(ctx context.Context, s *subject) []string {
	from, _, _ := unstructured.NestedSlice(s.live.Object, "spec", "inputsFrom")
	if groupKind(s.ref) != resourceSetKind || len(from) == 0 {
		return nil
	}
	var out []string
	for _, u := range r.cluster.list(ctx, inputProviderKind) {
		if u.GetNamespace() == s.ref.Namespace {
			out = append(out, fmt.Sprintf("%s@%d%v", u.GetName(), u.GetGeneration(), u.GetLabels()))
		}
	}
	return out
}

// foreignState says whether a dependency of any kind is as a ResourceSet asks.
func foreignState(d dependency, dep *unstructured.Unstructured) (ready bool) {
	if !d.ready || d.expr != "" {
		return true
	}
	res, err := kstatus.Compute(dep)
	return err == nil && res.Status == kstatus.CurrentStatus
}

// deleteAll deletes objects that an owner has in its inventory and does not
// yield any more. The operator deletes Flux objects first, while what they need
// to clean up is still there.
func (r *replay) deleteAll(ctx context.Context, m *ssa.ResourceManager, k *kustomizev1.Kustomization, objects []*unstructured.Unstructured) (*ssa.ChangeSet, error) {
	parts := [][]*unstructured.Unstructured{objects}
	if operated(finding.Ref{Group: k.GroupVersionKind().Group}) {
		flux := func(u *unstructured.Unstructured) bool {
			return strings.HasSuffix(u.GroupVersionKind().Group, ".fluxcd.io")
		}
		parts = [][]*unstructured.Unstructured{{}, {}}
		for _, u := range objects {
			i := 1
			if flux(u) {
				i = 0
			}
			parts[i] = append(parts[i], u)
		}
	}
	gone := ssa.NewChangeSet()
	for _, part := range parts {
		changes, err := m.DeleteAll(ctx, part, deleteOptions(m, k))
		if changes != nil {
			gone.Append(changes.Entries)
		}
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// uninstalls notes that a FluxInstance goes, and Flux with it. What Flux has
// applied stays, as nobody is left to delete it.
func (r *replay) uninstalls(ctx context.Context, s *subject) {
	k, err := planOf(s.live)
	if err != nil {
		return
	}
	for _, i := range inventoryOf(k.Status.Inventory) {
		r.orphan(ctx, s, i.object(), "flux-uninstalled")
	}
	r.note("%s is deleted, so the Flux Operator uninstalls Flux: nothing in the cluster is reconciled any more, which is not replayed", s.ref)
}

// labelledOwner reads the owner that the labels of an object name.
func labelledOwner(labels map[string]string, kind schema.GroupKind) (finding.Ref, bool) {
	prefix := authorityOf(kind).labels
	name, ns := labels[prefix+"/name"], labels[prefix+"/namespace"]
	return finding.Ref{Group: kind.Group, Kind: kind.Kind, Namespace: ns, Name: name}, name != "" && ns != ""
}
