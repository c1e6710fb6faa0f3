package helmrelease

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// times is how often a render is repeated where the order of a map could show.
const times = 30

func TestSteadyOrder(t *testing.T) {
	const table = `(dict "e" 5 "b" 2 "a" 1 "d" 4 "c" 3)`
	for _, row := range []struct{ why, template, want string }{
		{"keys of a table", `{{ keys ` + table + ` | join "" }}`, "abcde"},
		{"keys of several tables, one after the other", `{{ keys (dict "z" 1 "y" 1) (dict "b" 1 "a" 1) | join "" }}`, "yzab"},
		{"no table has no keys", `{{ keys | len }}`, "0"},
		{"values of a table", `{{ values ` + table + ` | join "" }}`, "12345"},
		{"keys of values without any", `{{ keys .Values | join "" }}`, ""},
		{"keys in a text that is run", `{{ tpl "{{ keys .t | join \"\" }}" (dict "t" ` + table + ` "Template" .Template) }}`, "abcde"},
		{"a table that is printed", `{{ ` + table + ` }}`, "map[a:1 b:2 c:3 d:4 e:5]"},
		{"a table that is walked", `{{ range $k, $v := ` + table + ` }}{{ $k }}{{ $v }}{{ end }}`, "a1b2c3d4e5"},
	} {
		files := map[string]string{"values.yaml": "{}", "templates/a.yaml": configMap + "data: {a: '" + row.template + "'}"}
		archive := chart(t, files)
		for range times {
			got := New(Options{}).Render(t.Context(), input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": archive}}))
			if got.State != render.Rendered {
				t.Fatalf("%s: %s", row.why, got.Ready.Message)
			}
			if text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "a"); text != row.want {
				t.Fatalf("%s: %q, want %q", row.why, text, row.want)
			}
		}
	}
}

// TestSteadyReleases renders releases of a real repository whose chart lists the
// keys of tables, many times.
func TestSteadyReleases(t *testing.T) {
	root := beside.Folder(t, "corpora/onedr0p-home-ops-2025-06")
	c, set, m := corpus(t, root)
	several := map[string]bool{"qbtools": true, "slskd": true}
	r := New(Options{Namespaced: scopes, HTTP: m.HTTP})
	rendered := 0
	for _, hr := range c.releases {
		if !several[hr.GetName()] {
			continue
		}
		in := input(hr, c.cluster, sources{})
		in.Sources = set
		var first []byte
		for range times {
			got := r.Render(t.Context(), in)
			if got.State == render.Rendered {
				rendered++
			}
			if first == nil {
				first = everything(t, got)
			}
			if again := everything(t, got); !bytes.Equal(first, again) {
				t.Fatalf("%s: two renders differ:\n%s", hr.GetName(), cmp.Diff(string(first), string(again)))
			}
		}
	}
	if rendered == 0 {
		t.Errorf("no release of %v is rendered", several)
	}
}

func TestBoundedSequences(t *testing.T) {
	for _, row := range []struct{ why, template, want string }{
		{"up to a number", `{{ seq 5 }}`, "1 2 3 4 5"},
		{"down to a number", `{{ seq -3 }}`, "1 0 -1 -2 -3"},
		{"between two numbers", `{{ seq 0 2 }}`, "0 1 2"},
		{"downwards", `{{ seq 2 -2 }}`, "2 1 0 -1 -2"},
		{"with a step", `{{ seq 0 2 10 }}`, "0 2 4 6 8 10"},
		{"downwards with a step", `{{ seq 0 -2 -5 }}`, "0 -2 -4"},
		{"a step that leads away", `{{ seq 5 1 0 }}`, ""},
		{"more than three numbers", `{{ seq 1 2 3 4 }}`, ""},
		{"no number", `{{ seq }}`, ""},
		{"a step of nothing", `{{ seq 0 0 5 }}`, ""},
		{"one number", `{{ seq 1 1 }}`, "1"},
		{"since when", `{{ now | date_modify "-50h" | durationRound }}`, "2d"},
		{"a duration", `{{ durationRound "2400h10m" }}`, "3mo"},
		{"a duration in the past", `{{ durationRound "-90m" }}`, "1h"},
		{"no duration", `{{ durationRound "x" }}`, "0s"},
	} {
		for helm, also := range map[string]string{"as the survey decides": "", "with Helm 4": `{{ now | empty | ternary "now" "" }}`} {
			got := renderDemo(t, "", map[string]string{"templates/a.yaml": configMap + "data: {a: '" + row.template + also + "'}"})
			if got.State != render.Rendered {
				t.Errorf("%s, %s: %s", row.why, helm, got.Ready.Message)
				continue
			}
			if text, _, _ := unstructured.NestedString(got.Applies[0].Object, "data", "a"); text != row.want {
				t.Errorf("%s, %s: %q, want %q", row.why, helm, text, row.want)
			}
		}
	}
	got := renderDemo(t, "", map[string]string{"templates/a.yaml": configMap + "data: {a: '{{ seq 2000000000 | len }}'}"})
	if got.State != render.Failed || got.Reason != ReasonTemplate {
		t.Errorf("a sequence without end: state %s, reason %s", got.State, got.Reason)
	}
}
