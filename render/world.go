package render

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// World is every object that Flux would apply in one cluster, with the Outcome
// of each Flux object. It does not change after Run.
type World struct {
	Entry    repo.Entry
	Tree     *repo.Tree
	Settings Settings
	Outcomes []*Outcome // sorted by ref
	Seeds    []*Object
	Problems []finding.Problem // in how the controllers are set up

	live     map[finding.Ref][]*Object // per ref, in order of arrival; the last one is what the cluster holds
	produced map[finding.Ref]*Object   // Secrets and ConfigMaps that another object makes in the cluster
	outcomes map[finding.Ref]*Outcome
	served   []string // group/version and group/version/Kind of the CRDs so far
	baseline Capabilities
}

// Objects returns all objects of the World, one per ref, sorted by ref. Where
// several owners apply the same object, it is that of the last one.
func (w *World) Objects() []*Object {
	out := make([]*Object, 0, len(w.live))
	for _, versions := range w.live {
		out = append(out, versions[len(versions)-1])
	}
	slices.SortFunc(out, func(a, b *Object) int { return a.Ref().Compare(b.Ref()) })
	return out
}

// Object returns the object that ref names, nil when nobody applies it.
func (w *World) Object(ref finding.Ref) *Object {
	if versions := w.live[ref]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return nil
}

// Appliers returns every version of the object that ref names, one per owner
// that applies it, in order of arrival.
func (w *World) Appliers(ref finding.Ref) []*Object { return w.live[ref] }

// Producer returns the object that makes the Secret or ConfigMap that ref names
// in the cluster (an ExternalSecret, a SealedSecret, a Certificate), or nil.
func (w *World) Producer(ref finding.Ref) *Object {
	if o := w.produced[ref]; o != nil {
		return o
	}
	ref.Namespace = Everywhere
	return w.produced[ref]
}

// Outcome returns the outcome of the Flux object that ref names, or nil.
func (w *World) Outcome(ref finding.Ref) *Outcome { return w.outcomes[ref] }

// Get implements Cluster.
func (w *World) Get(_ context.Context, ref finding.Ref) (*unstructured.Unstructured, Presence) {
	o := w.Object(ref)
	switch {
	case o == nil && w.Producer(ref) != nil:
		return nil, Unsure
	case o == nil:
		return nil, Absent
	case o.Origin.Encrypted, filledByOthers(o.Unstructured):
		return o.Unstructured, Unsure
	}
	return o.Unstructured, Present
}

// Place implements Locator.
func (w *World) Place(_ context.Context, ref finding.Ref, pointer string) finding.Position {
	if o := w.Object(ref); o != nil {
		return o.At(pointer)
	}
	return finding.Position{}
}

// List implements Cluster.
func (w *World) List(_ context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range w.Objects() {
		ref := o.Ref()
		if ref.Group == gvk.Group && ref.Kind == gvk.Kind && (namespace == "" || ref.Namespace == namespace) {
			out = append(out, o.Unstructured)
		}
	}
	return out
}

// Capabilities implements Cluster: the baseline of the Kubernetes version and
// what the CRDs of the World so far serve.
func (w *World) Capabilities(context.Context) Capabilities {
	c := w.baseline
	if len(w.served) > 0 {
		c.APIVersions = append(slices.Clone(c.APIVersions), w.served...)
		slices.Sort(c.APIVersions)
		c.APIVersions = slices.Compact(c.APIVersions)
	}
	return c
}

// Served lists what the CRDs of the World add to discovery: group/version and
// group/version/Kind.
func (w *World) Served() []string { return w.served }

// admit adds an applied object to the World.
func (w *World) admit(o *Object) {
	ref := o.Ref()
	w.live[ref] = append(w.live[ref], o)
	for _, made := range ProducedBy(o.Unstructured) {
		w.produced[made] = o
	}
	if ref.Group == "apiextensions.k8s.io" && ref.Kind == "CustomResourceDefinition" {
		w.served = append(w.served, ServedBy(o.Unstructured)...)
	}
}

// ServedBy lists what a CRD adds to discovery: group/version and
// group/version/Kind.
func ServedBy(crd *unstructured.Unstructured) []string {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	var out []string
	for _, v := range versions {
		m, _ := v.(map[string]any)
		name, _ := m["name"].(string)
		if served, ok := m["served"].(bool); !ok || !served || name == "" {
			continue
		}
		out = append(out, group+"/"+name, group+"/"+name+"/"+kind)
	}
	return out
}
