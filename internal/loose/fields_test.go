package loose_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/internal/loose"
)

func TestFieldsOfOtherTypesAreEmpty(t *testing.T) {
	f := loose.Of(map[string]any{
		"text": "a", "flag": true, "list": []any{"x"}, "map": map[string]any{"k": "v", "n": int64(1)}, "number": int64(3),
	})
	for _, row := range []struct {
		why       string
		got, want any
	}{
		{"a string", f.Text("text"), "a"},
		{"a number is no string", f.Text("number"), ""},
		{"an absent string", f.Text("absent"), ""},
		{"a boolean", f.Flag("flag"), true},
		{"a string is no boolean", f.Flag("text"), false},
		{"a list", f.List("list"), []any{"x"}},
		{"a mapping is no list", f.List("map"), []any(nil)},
		{"a mapping", f.Sub("map").Text("k"), "v"},
		{"a list is no mapping", f.Sub("list").Text("k"), ""},
		{"strings only", f.Texts("map"), map[string]string{"k": "v"}},
		{"no mapping has no strings", f.Texts("text"), map[string]string{}},
		{"content that is no mapping", loose.Of("a").Text("text"), ""},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}
