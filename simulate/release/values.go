package release

import (
	"errors"
	"fmt"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/release/common"
	helm "helm.sh/helm/v4/pkg/release/v1"
)

// misfit is how Helm begins to tell what the schemas of a chart refuse.
const misfit = "values don't meet the specifications of the schema(s) in the following chart(s):\n"

// judged is a chart whose values were held against its schemas already. Helm's
// own check would fetch what a schema refers to, or read any file.
type judged struct {
	chart *helmchart.Chart
	skip  bool   // nothing is left for Helm to check
	text  string // what the schemas refuse
}

// judge holds the values of an action against the schemas of the chart. What
// they refuse is told when Helm gets there: something else may fail before.
// With kept, the action merges the values of that release into its own.
func (r *run) judge(chart *helmchart.Chart, kept *helm.Release) (judged, error) {
	if r.req.Check == nil || !hasSchema(chart) {
		return judged{chart: chart}, nil
	}
	fresh, err := r.chart()
	if err != nil {
		return judged{}, err
	}
	values := r.values()
	if kept != nil {
		if fresh.Values, err = util.CoalesceValues(kept.Chart, kept.Config); err != nil {
			return judged{chart: chart, skip: true}, nil // Helm fails there, too
		}
		values = util.CoalesceTables(values, kept.Config)
	}
	if err := chartutil.ProcessDependencies(fresh, values); err != nil {
		return judged{chart: chart, skip: true}, nil
	}
	all, err := util.CoalesceValues(fresh, values)
	if err != nil {
		return judged{chart: chart, skip: true}, nil
	}
	out := judged{chart: chart, text: r.refusals(fresh, all)}
	if out.skip = out.text == ""; !out.skip {
		refuseAll(chart)
	}
	return out, nil
}

func hasSchema(c *helmchart.Chart) bool {
	if c.Schema != nil {
		return true
	}
	for _, sub := range c.Dependencies() {
		if hasSchema(sub) {
			return true
		}
	}
	return false
}

// refusals is what the schemas of a chart and of its subcharts refuse, in
// Helm's words.
func (r *run) refusals(c *helmchart.Chart, values map[string]any) string {
	text := ""
	if c.Schema != nil {
		if err := r.req.Check(c.Schema, values); err != nil {
			text = c.Name() + ":\n" + err.Error()
		}
	}
	for _, sub := range c.Dependencies() {
		raw, ok := values[sub.Name()]
		if !ok || raw == nil {
			continue
		}
		table, ok := raw.(map[string]any)
		if !ok {
			text += fmt.Sprintf("%s:\ninvalid type for values: expected object (map), got %T\n", sub.Name(), raw)
			continue
		}
		text += r.refusals(sub, table)
	}
	return text
}

// refuseAll gives a chart a schema that refuses all values and needs nothing
// from elsewhere.
func refuseAll(c *helmchart.Chart) {
	c.Schema = []byte("false")
	for _, sub := range c.Dependencies() {
		noSchema(sub)
	}
}

func noSchema(c *helmchart.Chart) {
	c.Schema = nil
	for _, sub := range c.Dependencies() {
		noSchema(sub)
	}
}

// told is the error of the action with what the schemas really refuse.
func (j judged) told(err error) error {
	if err != nil && j.text != "" && strings.HasPrefix(err.Error(), misfit) {
		return errors.New(misfit + j.text)
	}
	return err
}

// kept is the release whose values an upgrade keeps, nil for none.
func (r *run) kept(c *action.Configuration) *helm.Release {
	rel, err := last(c, r.name())
	if err != nil || rel == nil || rel.Info.Status == common.StatusDeployed {
		return rel
	}
	found, err := c.Releases.Deployed(r.name())
	if deployed, ok := found.(*helm.Release); err == nil && ok {
		return deployed
	}
	return rel
}
