package rules

import (
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// The groups of Flux's own kinds that rules name.
const (
	kustomizeGroup = "kustomize.toolkit.fluxcd.io"
	helmGroup      = "helm.toolkit.fluxcd.io"
)

// reference is an item of a list of references to objects.
type reference struct {
	finding.Ref
	Pointer string // JSON pointer of the item
	Fields  map[string]any
}

// references reads a list of {name, namespace} below spec; the namespace is
// that of the object where an item names none.
func references(o *render.Object, group, kind, field string) []reference {
	spec, _ := o.Object["spec"].(map[string]any)
	list, _ := spec[field].([]any)
	var out []reference
	for i, item := range list {
		m, _ := item.(map[string]any)
		r := reference{
			Ref:     finding.Ref{Group: group, Kind: kind, Namespace: o.GetNamespace()},
			Pointer: finding.Pointer("spec", field, strconv.Itoa(i)),
			Fields:  m,
		}
		r.Name, _ = m["name"].(string)
		if ns, _ := m["namespace"].(string); ns != "" {
			r.Namespace = ns
		}
		out = append(out, r)
	}
	return out
}

// dependsOn reads spec.dependsOn, which names objects of the same kind.
func dependsOn(o *render.Object) []reference {
	ref := o.Ref()
	return references(o, ref.Group, ref.Kind, "dependsOn")
}

// hasDependencies reports whether the kind has spec.dependsOn in Flux's sense.
func hasDependencies(o *render.Object) bool {
	ref := o.Ref()
	return ref.Group == kustomizeGroup && ref.Kind == "Kustomization" || ref.Group == helmGroup && ref.Kind == "HelmRelease"
}

// applied lists each object of a World once per owner, with objects that only
// the cluster holds left out.
func applied(w *render.World) []*render.Object {
	var out []*render.Object
	for _, s := range w.Seeds {
		if s.Origin.Doc != nil {
			out = append(out, s)
		}
	}
	for _, outcome := range w.Outcomes {
		out = append(out, outcome.CRDs...)
		out = append(out, outcome.Applies...)
	}
	return out
}
