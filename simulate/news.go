package simulate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// news are the objects that somebody has written to since they were looked
// through last, by resource.
type news struct {
	mu    sync.Mutex
	names map[schema.GroupResource]map[types.NamespacedName]bool // an empty name may be any; nil before the first look
}

func newNews() *news {
	return &news{names: map[schema.GroupResource]map[types.NamespacedName]bool{}}
}

// add notes a request that may have made something else of an object than what it was.
func (n *news) add(r request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.names[r.groupResource()]; known != nil {
		known[types.NamespacedName{Namespace: r.namespace, Name: r.name}] = true
	}
}

// take returns the names of the objects, sorted, and forgets them. It reports
// false when any object of the resource may be among them.
func (n *news) take(gr schema.GroupResource) ([]types.NamespacedName, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.names[gr]
	n.names[gr] = map[types.NamespacedName]bool{}
	for name := range known {
		if name.Name == "" {
			return nil, false
		}
	}
	names := slices.SortedFunc(maps.Keys(known), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return names, known != nil
}

// written returns the objects of a kind that somebody has written to since it was
// asked last, sorted by namespace and name; all of them at first. They must not
// be changed.
func (r *replay) written(ctx context.Context, gk schema.GroupKind) []*unstructured.Unstructured {
	m, err := r.cluster.mapping(gk)
	if err != nil {
		return nil
	}
	names, some := r.recorder.news.take(m.Resource.GroupResource())
	if !some {
		return r.cluster.survey(ctx, gk)
	}
	var out []*unstructured.Unstructured
	for _, name := range names {
		if u, err := r.cluster.look(ctx, finding.Ref{Group: gk.Group, Kind: gk.Kind, Namespace: name.Namespace, Name: name.Name}); err == nil {
			out = append(out, u)
		}
	}
	return out
}
