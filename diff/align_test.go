package diff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGaps(t *testing.T) {
	tests := []struct {
		name, why     string
		before, after []string
		want          []gap
	}{
		{"equal", "no gap", []string{"a", "b"}, []string{"a", "b"}, nil},
		{"empty", "no gap in nothing", nil, nil, nil},
		{"inserted", "only the new word", []string{"a", "b"}, []string{"a", "x", "b"}, []gap{{1, 1, 1, 2}}},
		{"repeated", "the end is kept", []string{"a", "a"}, []string{"a"}, []gap{{1, 2, 1, 1}}},
		{"two", "gaps come in order", []string{"a", "b", "c", "d", "e"}, []string{"x", "b", "d", "y"},
			[]gap{{0, 1, 0, 1}, {2, 3, 2, 2}, {4, 5, 3, 4}}},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, gaps(tt.before, tt.after), cmp.AllowUnexported(gap{})); d != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tt.name, tt.why, d)
		}
	}
}

// Whatever the size, what is outside the gaps is equal, and a text that is far
// too long for an exact table is still aligned.
func TestGapsLong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 3, 40, 3000} {
		before := make([]string, size)
		for i := range before {
			before[i] = fmt.Sprint(random.IntN(4 * size))
		}
		after := slices.Clone(before)
		changes := 0
		for i := 0; i < len(after); i += 7 {
			after[i] = fmt.Sprint("new", i)
			changes++
		}
		got := gaps(before, after)
		var rebuilt []string
		at := 0
		for _, g := range got {
			rebuilt = append(append(rebuilt, before[at:g.before]...), after[g.after:g.afterEnd]...)
			at = g.beforeEnd
		}
		rebuilt = append(rebuilt, before[at:]...)
		if !slices.Equal(rebuilt, after) {
			t.Errorf("size %d: the gaps do not lead from one to the other", size)
		}
		if len(got) != changes {
			t.Errorf("size %d: %d gaps, want %d", size, len(got), changes)
		}
	}
}

func FuzzObjects(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		obj := func(s string) map[string]any { return map[string]any{"k": s, "l": []any{s, "x"}, s: s} }
		if got := Objects(obj(before), obj(before)); len(got) != 0 {
			t.Errorf("an object differs from itself: %v", got)
		}
		if got := Objects(obj(before), obj(after)); (len(got) == 0) != (before == after) {
			t.Errorf("%q and %q: %v", before, after, got)
		}
	})
}
