package simulate

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestMerged(t *testing.T) {
	entry := func(name, version string, action ssa.Action) ssa.ChangeSetEntry {
		return ssa.ChangeSetEntry{GroupVersion: version, Action: action,
			ObjMetadata: object.ObjMetadata{Namespace: "shop", Name: name, GroupKind: schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}}}
	}
	set := func(entries ...ssa.ChangeSetEntry) *ssa.ChangeSet { return &ssa.ChangeSet{Entries: entries} }
	for _, c := range []struct {
		why               string
		first, more, want *ssa.ChangeSet
	}{
		{"one object in two versions stands in the inventory twice", set(entry("web", "v1", ssa.CreatedAction), entry("web", "v2", ssa.ConfiguredAction)), nil,
			set(entry("web", "v1", ssa.CreatedAction), entry("web", "v2", ssa.ConfiguredAction))},
		{"what the repeated apply finds as it is was made by the first one", set(entry("web", "v1", ssa.CreatedAction)),
			set(entry("web", "v1", ssa.UnchangedAction), entry("api", "v1", ssa.CreatedAction)),
			set(entry("web", "v1", ssa.CreatedAction), entry("api", "v1", ssa.CreatedAction))},
		{"the second version comes with the repeated apply", set(entry("web", "v1", ssa.CreatedAction)),
			set(entry("web", "v1", ssa.UnchangedAction), entry("web", "v2", ssa.UnchangedAction)),
			set(entry("web", "v1", ssa.CreatedAction), entry("web", "v2", ssa.UnchangedAction))},
		{"nothing was done before", set(), set(entry("web", "v2", ssa.CreatedAction)), set(entry("web", "v2", ssa.CreatedAction))},
	} {
		if d := cmp.Diff(c.want, merged(c.first, c.more)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}
