package simulate

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// servedKind is a kind whose objects the server lists.
type servedKind struct {
	gvk        schema.GroupVersionKind
	namespaced bool
}

// kinds lists what the server serves, each kind in its preferred version, those
// of Flux last.
func (c *cluster) kinds() []servedKind {
	c.directory.refresh()
	lists, _ := discovery.ServerPreferredResources(c.directory)
	var out []servedKind
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || skippedGroup(gv.Group) {
			continue
		}
		for _, res := range list.APIResources {
			if strings.Contains(res.Name, "/") || !slices.Contains(res.Verbs, "list") || skippedKind(res.Kind) {
				continue
			}
			out = append(out, servedKind{gv.WithKind(res.Kind), res.Namespaced})
		}
	}
	slices.SortFunc(out, func(a, b servedKind) int { return strings.Compare(a.gvk.String(), b.gvk.String()) })
	return out
}

func skippedGroup(group string) bool {
	return Computed(group) || slices.Contains([]string{"events.k8s.io", "coordination.k8s.io"}, group)
}

// skippedKind reports whether the server makes and keeps the objects of a kind by itself.
func skippedKind(kind string) bool {
	return kind == "Event" || kind == "ComponentStatus" || kind == "IPAddress"
}
