// Package schemas knows the API: which kinds a cluster serves, which it no
// longer serves, and what their objects may hold. The schemas of Kubernetes
// and of Flux are embedded; CRDs are added with Catalog.With. It never uses
// the network.
package schemas

import (
	"cmp"
	_ "embed" // the generated schemas
	"fmt"
	"maps"
	"slices"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// KubeVersion is the Kubernetes version of the embedded schemas.
const KubeVersion = "1.37.2"

// FluxVersion is the Flux version, major and minor, of the embedded CRDs.
const FluxVersion = "2.9"

//go:embed data/kubernetes.json.zst
var kubernetesArchive []byte

//go:embed data/flux.json.zst
var fluxArchive []byte

// Options say which versions a cluster runs.
type Options struct {
	// KubeVersion of the cluster, such as "1.34" or "v1.34.2"; empty for
	// KubeVersion. It decides which removed APIs are still served; objects are
	// always validated with the embedded schemas.
	KubeVersion string
	// FluxVersion of the cluster, such as "2.6"; empty for FluxVersion. It
	// decides which kinds, versions and fields the CRDs of Flux have.
	FluxVersion string
}

// Catalog holds what is known about the kinds of one cluster. It is immutable
// and safe for concurrent use; schemas are compiled when they are first used.
type Catalog struct {
	kube, flux *semver.Version
	builtin    *builtins
	crds       map[schema.GroupKind]*custom
	fluxCRDs   []*unstructured.Unstructured
}

// New returns a catalog of the built-in kinds and those of Flux. An error means
// that a version in the options is not a version.
func New(options Options) (*Catalog, error) {
	kube, err := semver.NewVersion(cmp.Or(options.KubeVersion, KubeVersion))
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes %q: %w", options.KubeVersion, err)
	}
	flux, err := semver.NewVersion(cmp.Or(options.FluxVersion, FluxVersion))
	if err != nil {
		return nil, fmt.Errorf("version of Flux %q: %w", options.FluxVersion, err)
	}
	builtin, err := loadBuiltins(kubernetesArchive)
	if err != nil {
		return nil, err
	}
	objects, err := loadFlux(fluxArchive)
	if err != nil {
		return nil, err
	}
	objects = shaped(objects, flux)
	c := &Catalog{kube: kube, flux: flux, builtin: builtin, crds: map[schema.GroupKind]*custom{}, fluxCRDs: objects}
	c.add(objects, SourceFlux)
	return c, nil
}

// With returns a catalog that also knows the given CRDs, of which one replaces
// an earlier one, or that of Flux, for the same group and kind. Objects that
// are no CRD, or have no group, kind or served version, add nothing.
func (c *Catalog) With(crds []*unstructured.Unstructured) *Catalog {
	extended := *c
	extended.crds = maps.Clone(c.crds)
	extended.add(crds, SourceCRD)
	return &extended
}

func (c *Catalog) add(crds []*unstructured.Unstructured, source Source) {
	for _, object := range crds {
		if object == nil {
			continue
		}
		if gk, known := readCRD(object.Object, source); known != nil {
			known.builtin = c.builtin
			c.crds[gk] = known
		}
	}
}

// Source says where the knowledge about a kind comes from.
type Source string

// The sources.
const (
	SourceBuiltin Source = "builtin" // Kubernetes itself
	SourceFlux    Source = "flux"    // the embedded CRDs of Flux
	SourceCRD     Source = "crd"     // a CRD given to Catalog.With
	SourceNone    Source = "none"    // nothing is known
)

// Known is what the catalog knows about a kind in one version.
type Known struct {
	Source     Source
	Namespaced bool
	// Served is false for an API that a server offers only when it is switched
	// on, such as a beta of Kubernetes, and for an unknown one.
	Served bool
	// Schema is false when objects of the kind can't be validated.
	Schema bool
}

// Lookup returns what is known about a kind in one version.
func (c *Catalog) Lookup(gvk schema.GroupVersionKind) Known {
	if crd, ok := c.crds[gvk.GroupKind()]; ok {
		if version := crd.version(gvk.Version); version != nil {
			return Known{Source: crd.source, Namespaced: crd.namespaced, Served: true, Schema: true}
		}
	}
	if kind, ok := c.builtin.kinds[gvk]; ok {
		return Known{Source: SourceBuiltin, Namespaced: kind.Namespaced, Served: kind.Served, Schema: true}
	}
	if row, ok := removals[gvk]; ok && !c.gone(row) {
		return Known{Source: row.source(), Namespaced: !row.clusterScoped, Served: row.served()}
	}
	return Known{Source: SourceNone}
}

// Namespaced reports whether objects of a kind live in a namespace, in any
// version; known is false if no version of the kind is known.
func (c *Catalog) Namespaced(gk schema.GroupKind) (namespaced, known bool) {
	if crd, ok := c.crds[gk]; ok {
		return crd.namespaced, true
	}
	namespaced, known = c.builtin.scopes[gk]
	if known {
		return namespaced, true
	}
	for gvk, row := range removals {
		if gvk.GroupKind() == gk {
			return !row.clusterScoped, true
		}
	}
	return false, false
}

// Versions returns the served versions of a kind, sorted by priority: stable
// before beta before alpha, the newest first.
func (c *Catalog) Versions(gk schema.GroupKind) []string {
	set := map[string]bool{}
	if crd, ok := c.crds[gk]; ok {
		for name := range crd.versions {
			set[name] = true
		}
	}
	for gvk, kind := range c.builtin.kinds {
		if gvk.GroupKind() == gk && kind.Served {
			set[gvk.Version] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b string) int { return -compareVersions(a, b) })
}

// APIVersions returns what Helm calls .Capabilities.APIVersions: every served
// "group/version" and "group/version/Kind", sorted.
func (c *Catalog) APIVersions() []string {
	set := map[string]bool{}
	add := func(gvk schema.GroupVersionKind) {
		set[gvk.GroupVersion().String()] = true
		set[gvk.GroupVersion().String()+"/"+gvk.Kind] = true
	}
	for gvk, kind := range c.builtin.kinds {
		if kind.Served {
			add(gvk)
		}
	}
	for gk, crd := range c.crds {
		for version := range crd.versions {
			add(gk.WithVersion(version))
		}
	}
	for gvk := range removals {
		if c.Lookup(gvk).Served {
			add(gvk)
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// FluxCRDs returns the CRDs of the cluster's Flux and of the Flux Operator,
// sorted by name, without descriptions, with the old versions that this Flux
// still serves. The caller owns them.
func (c *Catalog) FluxCRDs() []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(c.fluxCRDs))
	for i, object := range c.fluxCRDs {
		out[i] = c.withOldVersions(object.DeepCopy())
	}
	return out
}
