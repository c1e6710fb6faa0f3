package simulate

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/object"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// inventoryRefs are the objects in the inventory of a Flux object.
func inventoryRefs(u *unstructured.Unstructured) []finding.Ref {
	entries, _, _ := unstructured.NestedSlice(u.Object, "status", "inventory", "entries")
	var out []finding.Ref
	for _, item := range entries {
		e, _ := item.(map[string]any)
		if id, err := object.ParseObjMetadata(text(e["id"])); err == nil {
			out = append(out, refOfID(id))
		}
	}
	return out
}

// orphans are the objects that exist and that no inventory has: those that were
// in one before, those that a failed apply has created, and the namespaces that
// Helm made for releases that are there no more.
func (r *replay) orphans(ctx context.Context, now map[finding.Ref]*unstructured.Unstructured) []facts.Orphan {
	kept := map[finding.Ref]bool{}
	for _, u := range now {
		for _, ref := range inventoryRefs(u) {
			kept[ref] = true
		}
	}
	var out []facts.Orphan
	add := func(owner, ref finding.Ref, why func(*unstructured.Unstructured) string) {
		if kept[ref] {
			return
		}
		kept[ref] = true
		live := r.cluster.read(ctx, ref)
		if live == nil || live.GetDeletionTimestamp() != nil {
			return
		}
		out = append(out, facts.Orphan{Ref: ref, Owner: owner, Pos: r.placeOf(owner, ref, ""), Reason: why(live)})
	}
	for _, owner := range sortedRefs(r.step.owners) {
		for _, ref := range inventoryRefs(r.step.owners[owner]) {
			add(owner, ref, func(live *unstructured.Unstructured) string { return r.whyKept(owner, live) })
		}
	}
	for _, o := range r.step.observed {
		if o.Action == diff.Create && r.unnoted(o.Owner, now[o.Owner]) {
			add(o.Owner, o.Ref, func(*unstructured.Unstructured) string { return "failed-apply" })
		}
	}
	for _, owner := range sortedRefs(r.step.owners) {
		if ns := createdNamespace(r.step.owners[owner]); ns != "" && !releasesInto(now, ns) {
			add(owner, finding.Ref{Kind: namespaceKind.Kind, Name: ns}, func(*unstructured.Unstructured) string { return "created-namespace" })
		}
	}
	return out
}

// whyKept says why an object was not deleted when it left an inventory.
func (r *replay) whyKept(owner finding.Ref, live *unstructured.Unstructured) string {
	for _, e := range r.step.entries {
		if e.owner == owner && e.action == diff.Orphan && groupKind(e.ref) == live.GroupVersionKind().GroupKind() &&
			e.ref.Namespace == live.GetNamespace() && e.ref.Name == live.GetName() {
			return e.reason
		}
	}
	switch before := r.step.owners[owner]; {
	case groupKind(owner) != helmReleaseKind:
		return ""
	case live.GetAnnotations()["helm.sh/resource-policy"] == "keep":
		return "resource-policy"
	case r.step.after[owner] == nil && before != nil && (&subject{live: before}).suspended():
		return "helm-suspended"
	case live.GetKind() == crdKind.Kind:
		return "helm-definition"
	}
	return ""
}

// unnoted reports whether an owner applies objects before it fails, and takes
// note only of what it applies with success.
func (r *replay) unnoted(owner finding.Ref, live *unstructured.Unstructured) bool {
	m := r.memory[owner]
	return live != nil && m != nil && m.phase == phaseFailed && (groupKind(owner) == kustomizationKind || operated(owner))
}

// createdNamespace is the namespace that Helm makes for a release that was installed.
func createdNamespace(release *unstructured.Unstructured) string {
	creates, _, _ := unstructured.NestedBool(release.Object, "spec", "install", "createNamespace")
	history, _, _ := unstructured.NestedSlice(release.Object, "status", "history")
	if release.GetKind() != helmReleaseKind.Kind || !creates || len(history) == 0 {
		return ""
	}
	ns, _, _ := unstructured.NestedString(release.Object, "spec", "targetNamespace")
	return ns
}

// releasesInto reports whether a Flux object lives in or releases into a namespace.
func releasesInto(owners map[finding.Ref]*unstructured.Unstructured, namespace string) bool {
	for ref, u := range owners {
		if target, _, _ := unstructured.NestedString(u.Object, "spec", "targetNamespace"); target == namespace || ref.Namespace == namespace {
			return true
		}
	}
	return false
}
