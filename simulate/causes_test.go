package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestPlaceByCause(t *testing.T) {
	release := finding.Ref{Group: helmGroup, Kind: helmReleaseKind.Kind, Namespace: "shop", Name: "web"}
	line := func(n int) finding.Position { return finding.Position{File: "release.yaml", Line: n, Col: 1} }
	spec := func(pointer, was, is string, n int) diff.Field {
		return diff.Field{Pointer: pointer, Kind: diff.Changed, Before: was, After: is, Pos: line(n)}
	}
	changes := func(f diff.Field, specs ...diff.Field) []diff.Change {
		f.Kind = diff.Changed
		return []diff.Change{
			{Object: release, Action: diff.Update, Fields: specs},
			{Object: finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Owner: release, Action: diff.Update, Pos: line(1), Fields: []diff.Field{f}},
		}
	}
	tag := spec("/spec/values/tag", `"1.2"`, `"1.3"`, 20)
	for _, c := range []struct {
		why     string
		changes []diff.Change
		want    int
	}{
		{"a part of the text", changes(diff.Field{Before: "ghcr.io/web:1.2", After: "ghcr.io/web:1.3", Pos: line(1)}, tag), 20},
		{"the whole of it", changes(diff.Field{Before: `"1.2"`, After: `"1.3"`}, tag), 20},
		{"one of several", changes(diff.Field{Before: "web:1.2", After: "web:1.3", Pos: line(1)}, spec("/spec/values/a", "1", "2", 21), tag), 20},
		{"two that do the same", changes(diff.Field{Before: "web:1.2", After: "web:1.3", Pos: line(1)}, tag, spec("/spec/values/b", "1.2", "1.3", 22)), 1},
		{"a part of a word", changes(diff.Field{Before: "a1.2", After: "a1.3", Pos: line(1)}, tag), 1},
		{"more becomes another", changes(diff.Field{Before: "web:1.2", After: "webs:1.3", Pos: line(1)}, tag), 1},
		{"it has a place", changes(diff.Field{Before: "1.2", After: "1.3", Pos: line(7)}, tag), 7},
		{"not of the spec", changes(diff.Field{Before: "1.2", After: "1.3", Pos: line(1)}, spec("/metadata/labels/v", "1.2", "1.3", 3)), 1},
		{"masked", changes(diff.Field{Before: "***", After: "*** (changed)", Pos: line(1)}, spec("/spec/values/p", "***", "*** (changed)", 3)), 1},
	} {
		placeByCause(c.changes)
		if got := c.changes[1].Fields[0].Pos.Line; got != c.want {
			t.Errorf("%s: line %d, want %d", c.why, got, c.want)
		}
	}
	all := changes(diff.Field{Pointer: "/spec/image", Before: "web:1.2", After: "web:1.3", Pos: line(1)}, tag)
	placeByCause(all)
	list := []finding.Fact{{Object: all[1].Object, Owner: release, Field: "/spec/image", Pos: line(1)}, {Object: all[1].Object, Owner: release, Pos: line(1)}}
	factsByCause(list, all)
	if d := cmp.Diff([]int{20, 1}, []int{list[0].Pos.Line, list[1].Pos.Line}); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
}
