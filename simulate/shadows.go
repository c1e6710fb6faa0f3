package simulate

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shadowed starts the names of bindings that say in a warning what a binding of
// the cluster only has noted in the log of the server.
const shadowed = "flux-rehearse-audit."

func isShadow(u *unstructured.Unstructured) bool {
	return u.GroupVersionKind().Group == admissionGroup && strings.HasPrefix(u.GetName(), shadowed)
}

// shadow gives each binding that only audits a shadow that warns, and removes
// those of bindings that do so no more.
func (r *replay) shadow(ctx context.Context) {
	all := r.cluster.list(ctx, schema.GroupKind{Group: admissionGroup, Kind: policies[0] + "Binding"})
	have := map[string]*unstructured.Unstructured{}
	for _, u := range all {
		if isShadow(u) {
			have[u.GetName()] = u
		}
	}
	for _, u := range all {
		if isShadow(u) || !onlyAudits(u) {
			continue
		}
		c := made(u.GetAPIVersion(), u.GetKind(), "", shadowed+u.GetName())
		spec, _, _ := unstructured.NestedMap(u.Object, "spec")
		spec["validationActions"] = []any{"Warn"}
		c.Object["spec"] = spec
		old := have[c.GetName()]
		delete(have, c.GetName())
		var err error
		switch {
		case old == nil:
			err = r.cluster.plain.Create(ctx, c)
		case !equality.Semantic.DeepEqual(old.Object["spec"], c.Object["spec"]):
			c.SetResourceVersion(old.GetResourceVersion())
			err = r.cluster.plain.Update(ctx, c)
		}
		if err != nil {
			r.note("what %s/%s would note in the audit log is not shown: %v", u.GetKind(), u.GetName(), err)
		}
	}
	for _, u := range have {
		if err := r.cluster.plain.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
			r.note("a binding is audited that is gone: %v", err)
		}
	}
}

func onlyAudits(binding *unstructured.Unstructured) bool {
	actions, _, _ := unstructured.NestedStringSlice(binding.Object, "spec", "validationActions")
	return slices.Contains(actions, "Audit") && !slices.Contains(actions, "Warn") && !slices.Contains(actions, "Deny")
}

// unshadowed is what the server would note where a shadow warns, other text as it is.
func unshadowed(text string) string {
	return strings.ReplaceAll(text, "'"+shadowed, "'")
}
