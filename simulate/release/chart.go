package release

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// chart loads the chart afresh: Helm changes the charts that it is given.
func (r *run) chart() (*helmchart.Chart, error) {
	if r.packed == nil {
		var err error
		if r.packed, err = r.req.Prepared.Chart.Archive(); err != nil {
			return nil, fmt.Errorf("pack the chart: %w", err)
		}
	}
	c, err := loader.LoadArchive(bytes.NewReader(r.packed))
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	sortSubcharts(c)
	return c, nil
}

// sortSubcharts puts the subcharts in the order of their names; Helm yields
// them in the order of a map.
func sortSubcharts(c *helmchart.Chart) {
	subcharts := slices.Clone(c.Dependencies())
	for _, s := range subcharts {
		sortSubcharts(s)
	}
	slices.SortStableFunc(subcharts, func(a, b *helmchart.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(subcharts...)
}
