package helmrelease

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// lookups answers the lookup function of templates from the cluster.
type lookups struct {
	ctx      context.Context
	run      *renderRun
	problems []finding.Problem
}

// lookup returns an object, a list when name is empty, or an empty map when
// nothing is found. Templates may change the result.
func (l *lookups) lookup(apiVersion, kind, namespace, name string) (map[string]any, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if !l.run.namespaced(l.ctx, gvk) {
		namespace = ""
	}
	if name == "" {
		return l.list(gvk, namespace), nil
	}
	ref := finding.Ref{Group: gvk.Group, Kind: kind, Namespace: namespace, Name: name}
	obj, presence := l.run.in.Cluster.Get(l.ctx, ref)
	if presence == render.Unsure {
		l.problems = append(l.problems, located(l.run.in, finding.Problem{
			Reason: ReasonLookup, Field: chartField(l.run.prepared.HelmRelease),
			Message: fmt.Sprintf("a template of the chart looks up %s, whose content is not known here", ref),
		}))
	}
	if obj == nil {
		return map[string]any{}, nil
	}
	return obj.DeepCopy().Object, nil
}

func (l *lookups) list(gvk schema.GroupVersionKind, namespace string) map[string]any {
	items := []any{}
	for _, u := range l.run.in.Cluster.List(l.ctx, gvk, namespace) {
		items = append(items, u.DeepCopy().Object)
	}
	return map[string]any{
		"apiVersion": gvk.GroupVersion().String(), "kind": gvk.Kind + "List",
		"metadata": map[string]any{"resourceVersion": ""}, "items": items,
	}
}
