package simulate

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Placeholder is a kind that the cluster is taken to serve although nothing in
// the repository defines it: somebody else installs its CRD.
type Placeholder struct {
	schema.GroupKind
	Versions   []string // at least one
	Namespaced bool
}

// definition is a CRD that takes every object of the kind.
func (p Placeholder) definition() *unstructured.Unstructured {
	plural, singular := meta.UnsafeGuessKindToResource(p.WithVersion(p.Versions[0]))
	scope := "Cluster"
	if p.Namespaced {
		scope = "Namespaced"
	}
	var versions []any
	for i, v := range p.Versions {
		versions = append(versions, map[string]any{
			"name": v, "served": true, "storage": i == 0, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{
				"type": "object", "x-kubernetes-preserve-unknown-fields": true,
			}},
		})
	}
	u := made("apiextensions.k8s.io/v1", crdKind.Kind, "", plural.Resource+"."+p.Group)
	u.SetAnnotations(map[string]string{"api-approved.kubernetes.io": "unapproved, a placeholder"})
	u.Object["spec"] = map[string]any{
		"group": p.Group, "scope": scope, "versions": versions,
		"names": map[string]any{"kind": p.Kind, "listKind": p.Kind + "List", "plural": plural.Resource, "singular": strings.ToLower(singular.Resource)},
	}
	return u
}

// notePlaceholders says which kinds of objects that are there are taken for
// granted.
func (r *replay) notePlaceholders() {
	there := map[schema.GroupKind]bool{}
	for _, m := range r.memory {
		for ref := range m.rendered {
			there[groupKind(ref)] = true
		}
	}
	for _, u := range r.opts.Live {
		there[groupKind(render.RefOf(u))] = true
	}
	for _, p := range r.opts.Placeholders {
		if there[p.GroupKind] {
			r.tell(undefinedKinds, fmt.Sprintf("%q of group %q", p.Kind, p.Group))
		}
	}
}

// placeholders installs the kinds that somebody else would.
func (r *replay) placeholders(ctx context.Context) error {
	if len(r.opts.Placeholders) == 0 {
		return nil
	}
	for _, p := range r.opts.Placeholders {
		if len(p.Versions) == 0 {
			continue
		}
		if err := r.put(ctx, p.definition(), r.opts.seedManager()); err != nil {
			r.note("the cluster refuses a placeholder for kind %q of group %q: %v", p.Kind, p.Group, err)
			continue
		}
	}
	return r.establish(ctx)
}
