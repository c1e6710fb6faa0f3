package simulate

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// aggregate fills the rules of aggregated cluster roles.
func (r *replay) aggregate(ctx context.Context) error {
	now := r.recorder.changed(clusterRoles)
	if r.aggregated == now && now != 0 {
		return nil
	}
	roles := r.cluster.list(ctx, schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"})
	for _, role := range roles {
		selectors := aggregation(role)
		if len(selectors) == 0 {
			continue
		}
		rules := []any{}
		for _, other := range roles {
			if other.GetName() != role.GetName() && selected(other, selectors) {
				more, _, _ := unstructured.NestedSlice(other.Object, "rules")
				rules = withRules(rules, more)
			}
		}
		if have, _, _ := unstructured.NestedSlice(role.Object, "rules"); equality.Semantic.DeepEqual(have, rules) || len(have)+len(rules) == 0 {
			continue
		}
		filled := role.DeepCopy()
		filled.Object["rules"] = rules
		err := r.cluster.plain.Patch(ctx, filled, client.MergeFrom(role), client.FieldOwner("clusterrole-aggregation-controller"))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("fill the cluster role %q: %w", role.GetName(), err)
		}
		role.Object = filled.Object
		r.clock++
	}
	r.aggregated = now
	return nil
}

var clusterRoles = schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}

// aggregation reads the selectors of an aggregated cluster role.
func aggregation(role *unstructured.Unstructured) []labels.Selector {
	list, _, _ := unstructured.NestedSlice(role.Object, "aggregationRule", "clusterRoleSelectors")
	var out []labels.Selector
	for _, item := range list {
		m, _ := item.(map[string]any)
		var s metav1.LabelSelector
		if runtime.DefaultUnstructuredConverter.FromUnstructured(m, &s) != nil {
			continue
		}
		if sel, err := metav1.LabelSelectorAsSelector(&s); err == nil {
			out = append(out, sel)
		}
	}
	return out
}

func selected(role *unstructured.Unstructured, selectors []labels.Selector) bool {
	for _, s := range selectors {
		if s.Matches(labels.Set(role.GetLabels())) {
			return true
		}
	}
	return false
}

// withRules adds rules that are not there yet.
func withRules(rules, more []any) []any {
	for _, m := range more {
		known := false
		for _, r := range rules {
			known = known || equality.Semantic.DeepEqual(r, m)
		}
		if !known {
			rules = append(rules, m)
		}
	}
	return rules
}
