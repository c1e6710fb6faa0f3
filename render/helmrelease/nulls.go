package helmrelease

import (
	"maps"
	"slices"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// Helm 4 takes a default that is null as absent; Helm 3 shows it to templates.
// The functions below make Helm 3's composition of values yield Helm 4's. A
// null that the user sets means the same in both.

// dropNullDefaults removes the nulls below the first level of the defaults of
// the chart and its subcharts. user are the values that are set from outside.
// Nulls for a subchart stay where both set values: they remove its defaults.
func dropNullDefaults(c *helmchart.Chart, user map[string]any) {
	subcharts := c.Dependencies()
	inherited := union(user, c.Values)
	for key, v := range c.Values {
		_, set := user[key]
		if set && slices.ContainsFunc(subcharts, func(s *helmchart.Chart) bool { return s.Name() == key }) {
			continue
		}
		if table, ok := v.(map[string]any); ok {
			dropAllNulls(table)
		}
	}
	for _, s := range subcharts {
		table, _ := inherited[s.Name()].(map[string]any)
		dropNullDefaults(s, table)
	}
}

func dropAllNulls(table map[string]any) {
	maps.DeleteFunc(table, func(_ string, v any) bool { return v == nil })
	for _, v := range table {
		if below, ok := v.(map[string]any); ok {
			dropAllNulls(below)
		}
	}
}

// dropNulls removes from composed values the keys that are null because the
// default of the chart is.
func dropNulls(c *helmchart.Chart, composed map[string]any) {
	maps.DeleteFunc(composed, func(key string, v any) bool {
		d, ok := c.Values[key]
		return v == nil && ok && d == nil
	})
	for _, s := range c.Dependencies() {
		if table, ok := composed[s.Name()].(map[string]any); ok {
			dropNulls(s, table)
		}
	}
}

// union has the keys of both tables, also of the tables in them.
func union(a, b map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, b)
	for key, v := range a {
		below, isTable := v.(map[string]any)
		other, wasTable := b[key].(map[string]any)
		if isTable && wasTable {
			out[key] = union(below, other)
			continue
		}
		out[key] = v
	}
	return out
}

// beyondHelm3 says why the chart needs Helm 4, whatever its templates are: of
// the charts below an aliased one, Helm 3 mixes up the paths, and globals that
// are null hide those of the charts above. It is empty for most charts.
func beyondHelm3(c *helmchart.Chart) string {
	if global, ok := c.Values[chartutil.GlobalKey]; ok && global == nil {
		return "globals that are null"
	}
	for _, s := range c.Dependencies() {
		aliased := func(d *helmchart.Dependency) bool { return d != nil && d.Alias != "" && d.Name == s.Name() }
		if len(s.Dependencies()) > 0 && slices.ContainsFunc(c.Metadata.Dependencies, aliased) {
			return "charts below an alias"
		}
		if reason := beyondHelm3(s); reason != "" {
			return reason
		}
	}
	return ""
}
