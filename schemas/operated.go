package schemas

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// OperatedFluxCRDs returns what FluxCRDs does as the Flux Operator installs it:
// the lists of kinds of notification-controller name the operator's own, too.
func (c *Catalog) OperatedFluxCRDs() []*unstructured.Unstructured {
	out := c.FluxCRDs()
	for _, crd := range out {
		if group, _, _ := unstructured.NestedString(crd.Object, "spec", "group"); group == notificationGroup {
			admitOperator(crd.Object)
		}
	}
	return out
}

// admitOperator adds the operator's kinds to every enumeration of Flux kinds.
func admitOperator(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			admitOperator(item)
		}
	case map[string]any:
		for key, item := range value {
			kinds, ok := item.([]any)
			if key != "enum" || !ok || !slices.Contains(kinds, any("Kustomization")) {
				admitOperator(item)
				continue
			}
			for _, kind := range operatorKinds {
				if !slices.Contains(kinds, any(kind)) {
					kinds = append(kinds, kind)
				}
			}
			value[key] = kinds
		}
	}
}
