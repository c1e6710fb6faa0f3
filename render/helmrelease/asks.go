package helmrelease

import (
	"context"
	"slices"
	"text/template/parse"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// What templates call the capabilities of the cluster, and its API versions in them.
const (
	capabilities = "Capabilities"
	apiVersions  = "APIVersions"
)

// looks notes what a command looks for in the capabilities of the cluster: one
// API version that it names, or who knows what.
func (s *survey) looks(c *parse.CommandNode) {
	for i, arg := range c.Args {
		rest, ok := after(identifiers(arg), capabilities)
		if !ok || len(rest) > 0 && rest[0] != apiVersions {
			continue
		}
		name, literal := (*parse.StringNode)(nil), false
		if i == 0 && len(c.Args) == 2 && slices.Equal(rest, []string{apiVersions, "Has"}) {
			name, literal = c.Args[1].(*parse.StringNode)
		}
		if !literal {
			s.browses = true
			continue
		}
		s.asks[name.Text] = true
	}
}

// identifiers are the names in a chain of fields, as in .Chart.Name.
func identifiers(n parse.Node) []string {
	switch n := n.(type) {
	case *parse.FieldNode:
		return n.Ident
	case *parse.VariableNode:
		return n.Ident[1:]
	case *parse.ChainNode:
		return n.Field
	}
	return nil
}

// after are the names after the last one that is parent, if there is any.
func after(names []string, parent string) ([]string, bool) {
	for i := len(names) - 1; i >= 0; i-- {
		if names[i] == parent {
			return names[i+1:], true
		}
	}
	return nil, false
}

// consulted are capabilities of a cluster, of which only some matter to a chart.
type consulted struct {
	Version string
	Has     []bool // the API versions that the chart looks for
	All     []string
	whole   render.Capabilities
}

// consult asks the cluster for its capabilities. The render depends on what its
// chart looks at.
func (r *renderRun) consult(ctx context.Context) render.Capabilities {
	values, _ := copyValues(r.prepared.Values).(map[string]any)
	asks, known := r.renderer.surveys.asked(r.chart, values)
	return render.Consult(ctx, r.in.Cluster, func(ctx context.Context, c render.Cluster) consulted {
		whole := c.Capabilities(ctx)
		out := consulted{Version: whole.KubeVersion, whole: whole}
		if !known {
			out.All = whole.APIVersions
			return out
		}
		for _, version := range asks {
			out.Has = append(out.Has, slices.Contains(whole.APIVersions, version))
		}
		return out
	}).whole
}
