package schemas

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// NewestFlux returns the minor of Flux that serves all of these APIs, as far as
// they are Flux's, and is nearest to the embedded one: older if an API is gone
// from that, newer if one is not there yet.
func NewestFlux(gvks []schema.GroupVersionKind) string {
	newest := semver.MustParse(FluxVersion)
	for _, gvk := range gvks {
		for _, row := range fluxHistory {
			since := semver.MustParse(row.since)
			if row.what == versionAdded && row.group == gvk.Group && row.kind == gvk.Kind && row.path == gvk.Version && newest.LessThan(since) {
				newest = since
			}
		}
	}
	for _, gvk := range gvks {
		row, ok := removals[gvk]
		if !ok || row.product != flux {
			continue
		}
		since, err := semver.NewVersion(row.since)
		if err != nil || since.Minor() == 0 {
			continue
		}
		before := semver.New(since.Major(), since.Minor()-1, 0, "", "")
		if before.LessThan(newest) {
			newest = before
		}
	}
	return fmt.Sprintf("%d.%d", newest.Major(), newest.Minor())
}

// withOldVersions returns a CRD of Flux with the versions besides that the
// cluster's Flux still serves, sorted as in the CRD, old ones last. Their
// schemas take any field: the embedded Flux no longer has them.
func (c *Catalog) withOldVersions(crd *unstructured.Unstructured) *unstructured.Unstructured {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	have := map[string]bool{}
	for _, v := range versions {
		m, _ := v.(map[string]any)
		name, _ := m["name"].(string)
		have[name] = true
	}
	for _, old := range []string{"v2beta2", "v2beta1", "v1beta2", "v1beta1"} {
		row, ok := removals[schema.GroupVersionKind{Group: group, Version: old, Kind: kind}]
		if ok && row.product == flux && !c.gone(row) && !have[old] {
			versions = append(versions, permissiveVersion(old))
		}
	}
	if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
		return crd
	}
	return crd
}

func permissiveVersion(name string) map[string]any {
	open := func() map[string]any {
		return map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	}
	return map[string]any{
		"name": name, "served": true, "storage": false,
		"subresources": map[string]any{"status": map[string]any{}},
		"schema": map[string]any{"openAPIV3Schema": map[string]any{
			"type": "object",
			"properties": map[string]any{
				"apiVersion": map[string]any{"type": "string"},
				"kind":       map[string]any{"type": "string"},
				"metadata":   map[string]any{"type": "object"},
				"spec":       open(), "status": open(),
			},
		}},
	}
}
