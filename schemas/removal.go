package schemas

import (
	"strings"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Removal says since when an API is gone and what took its place.
type Removal struct {
	Product     string // "Kubernetes" or "Flux"
	Version     string // first version of the product without the API, such as "1.25"
	Replacement schema.GroupVersionKind
	// Fields lists fields that the replacement does not have, as dotted paths.
	Fields []string
}

// Removed returns the removal of an API that the cluster's version no longer
// serves; false if it is served, by a CRD for instance, or was never known.
func (c *Catalog) Removed(gvk schema.GroupVersionKind) (Removal, bool) {
	row, ok := removals[gvk]
	if !ok || !c.gone(row) {
		return Removal{}, false
	}
	if crd, ok := c.crds[gvk.GroupKind()]; ok && crd.version(gvk.Version) != nil {
		return Removal{}, false
	}
	removal := Removal{Product: row.product, Version: row.since, Fields: row.fields}
	if row.replacement != "" {
		gv, err := schema.ParseGroupVersion(row.replacement)
		if err != nil {
			return Removal{}, false
		}
		removal.Replacement = gv.WithKind(gvk.Kind)
	}
	return removal, true
}

const (
	kubernetes = "Kubernetes"
	flux       = "Flux"
)

// removalRow is a group version of which some kinds are gone.
type removalRow struct {
	product       string
	groupVersion  string
	kinds         string // separated by spaces
	since         string
	replacement   string // group version, empty if there is none
	clusterScoped bool
	optional      bool // while it existed, a server offered it only when switched on
	fields        []string
}

func (r removalRow) source() Source {
	if r.product == flux {
		return SourceFlux
	}
	return SourceBuiltin
}

// served reports whether a server that still has the API offers it.
func (r removalRow) served() bool { return !r.optional }

// gone reports whether the cluster's version is one without the API.
func (c *Catalog) gone(row removalRow) bool {
	have := c.kube
	if row.product == flux {
		have = c.flux
	}
	since, err := semver.NewVersion(row.since)
	if err != nil {
		return false
	}
	return have.Major() > since.Major() || have.Major() == since.Major() && have.Minor() >= since.Minor()
}

// removals holds the rows by kind.
var removals = indexRemovals(append(kubernetesRemovals, fluxRemovals...))

func indexRemovals(rows []removalRow) map[schema.GroupVersionKind]removalRow {
	out := map[schema.GroupVersionKind]removalRow{}
	for _, row := range rows {
		group, version, found := strings.Cut(row.groupVersion, "/")
		if !found {
			continue
		}
		for _, kind := range strings.Fields(row.kinds) {
			out[schema.GroupVersionKind{Group: group, Version: version, Kind: kind}] = row
		}
	}
	return out
}
