package render

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// fake renders objects of kind Owner: it applies what spec.applies lists, and
// fails or is unknown where spec.state says so. It reads spec.reads of the cluster.
type fake struct{ renders *int }

func (fake) Kinds() []schema.GroupKind { return []schema.GroupKind{{Group: "test", Kind: "Owner"}} }

func (fake) Needs(o *Object, _ Settings) []Need {
	var out []Need
	for _, d := range Dependencies(o) {
		out = append(out, Need{Kind: NeedDependency, Ref: d.Ref})
	}
	if name, ok, _ := unstructured.NestedString(o.Object, "spec", "reads"); ok {
		out = append(out, Need{Kind: NeedData, Ref: finding.Ref{Kind: "ConfigMap", Name: name}})
	}
	return out
}

func (f fake) Render(ctx context.Context, in Input) Result {
	if f.renders != nil {
		*f.renders++
	}
	state, _, _ := unstructured.NestedString(in.Object.Object, "spec", "state")
	r := Result{State: Rendered}
	if state != "" {
		r.State, r.Reason = State(state), "said-so"
	}
	list, _, _ := unstructured.NestedSlice(in.Object.Object, "spec", "applies")
	for _, item := range list {
		r.Applies = append(r.Applies, &Object{Unstructured: &unstructured.Unstructured{Object: item.(map[string]any)}, Origin: Origin{Owner: in.Object}})
	}
	if name, ok, _ := unstructured.NestedString(in.Object.Object, "spec", "reads"); ok {
		_, presence := in.Cluster.Get(ctx, finding.Ref{Kind: "ConfigMap", Name: name})
		r.Revision = fmt.Sprint(presence)
	}
	return r
}

func owner(name string, spec map[string]any) map[string]any {
	return map[string]any{"apiVersion": "test/v1", "kind": "Owner", "metadata": map[string]any{"name": name}, "spec": spec}
}

func on(names ...string) []any {
	var out []any
	for _, n := range names {
		out = append(out, map[string]any{"name": n})
	}
	return out
}

func configMap(name string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}}
}

// play renders seeds with a number of workers.
func play(t *testing.T, workers int, renderers []Renderer, seeds ...map[string]any) *World {
	t.Helper()
	e := repo.Entry{Name: "test"}
	for _, s := range seeds {
		e.Seeds = append(e.Seeds, repo.Seed{Object: s})
	}
	w, err := Run(context.Background(), Plan{
		Entry: e, Tree: repo.FromFiles(nil), Renderers: renderers, Workers: workers,
		Sources: source.New(source.Options{Tree: repo.FromFiles(nil)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// states lists the outcomes of a World.
func states(w *World) map[string]string {
	out := map[string]string{}
	for _, o := range w.Outcomes {
		out[o.Object.GetName()] = string(o.State) + " " + o.Reason
	}
	return out
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		why   string
		seeds []map[string]any
		want  map[string]string
	}{
		{"a dependency that renders holds nobody back",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("b")}), owner("b", nil)},
			map[string]string{"a": "rendered ", "b": "rendered "}},
		{"a dependency that fails blocks, also through others",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("b")}), owner("b", map[string]any{"dependsOn": on("c")}), owner("c", map[string]any{"state": "failed"})},
			map[string]string{"a": "blocked dependency-not-ready", "b": "blocked dependency-not-ready", "c": "failed said-so"}},
		{"a dependency that nobody applies blocks for ever",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("gone")})},
			map[string]string{"a": "blocked dependency-missing"}},
		{"members of a circle wait for each other",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("b")}), owner("b", map[string]any{"dependsOn": on("a")})},
			map[string]string{"a": "blocked dependency-not-ready", "b": "blocked dependency-not-ready"}},
		{"what is unknown gets the benefit of the doubt",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("b")}), owner("b", map[string]any{"state": "unknown"})},
			map[string]string{"a": "rendered ", "b": "unknown said-so"}},
		{"what a blocked owner applies is blocked as well",
			[]map[string]any{owner("a", map[string]any{"dependsOn": on("gone"), "applies": []any{owner("child", nil)}})},
			map[string]string{"a": "blocked dependency-missing", "child": "blocked owner-not-applied"}},
		{"a parent that waits for a child that depends on it",
			[]map[string]any{owner("a", map[string]any{"wait": true, "applies": []any{owner("child", map[string]any{"dependsOn": on("a")})}})},
			map[string]string{"a": "rendered waits-for-unready", "child": "blocked dependency-not-ready"}},
	} {
		if d := cmp.Diff(c.want, states(play(t, 1, []Renderer{fake{}}, c.seeds...))); d != "" {
			t.Errorf("%s: %s", c.why, d)
		}
	}
}

// TestDataIsWaitedFor renders a reader after the owner that applies what it
// reads, whatever their names, and at last without it when nobody does.
func TestDataIsWaitedFor(t *testing.T) {
	w := play(t, 1, []Renderer{fake{}},
		owner("a-reader", map[string]any{"reads": "late"}),
		owner("b-lonely", map[string]any{"reads": "never"}),
		owner("z-writer", map[string]any{"applies": []any{configMap("late")}}))
	got := map[string]string{}
	for _, o := range w.Outcomes {
		got[o.Object.GetName()] = o.Revision
	}
	want := map[string]string{"a-reader": fmt.Sprint(Present), "b-lonely": fmt.Sprint(Absent), "z-writer": ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	var seeds []map[string]any
	for i := range 20 {
		spec := map[string]any{"applies": []any{configMap(fmt.Sprintf("m%d", i)), configMap("shared")}}
		if i > 0 {
			spec["dependsOn"] = on(fmt.Sprintf("o%d", i/2))
		}
		seeds = append(seeds, owner(fmt.Sprintf("o%d", i), spec))
	}
	one, eight := play(t, 1, []Renderer{fake{}}, seeds...), play(t, 8, []Renderer{fake{}}, seeds...)
	list := func(w *World) (out []string) {
		for _, o := range w.Objects() {
			out = append(out, o.Ref().String()+" of "+fmt.Sprint(o.Chain()))
		}
		return out
	}
	if d := cmp.Diff(list(one), list(eight)); d != "" {
		t.Error(d)
	}
	shared := finding.Ref{Kind: "ConfigMap", Name: "shared"}
	if got := len(one.Appliers(shared)); got != 20 {
		t.Errorf("%d owners apply the shared object, want 20", got)
	}
}

// TestCache renders again only when what the render reads has changed.
func TestCache(t *testing.T) {
	renders := 0
	c := NewCache(func(object map[string]any) {
		if spec, ok := object["spec"].(map[string]any); ok && spec["force"] == nil {
			spec["force"] = false
		}
	})
	through := []Renderer{c.Wrap(fake{&renders})}
	reader := owner("reader", map[string]any{"reads": "data"})
	owned := owner("reader", map[string]any{"reads": "data"})
	owned["metadata"].(map[string]any)["labels"] = map[string]any{"kustomize.toolkit.fluxcd.io/name": "someone"}
	for _, s := range []struct {
		why   string
		seeds []map[string]any
		want  int
	}{
		{"the first time", []map[string]any{reader}, 1},
		{"the same again", []map[string]any{reader}, 1},
		{"with its defaults", []map[string]any{owner("reader", map[string]any{"reads": "data", "force": false})}, 1},
		{"with labels of its owner", []map[string]any{owned}, 1},
		{"what it reads is there now", []map[string]any{reader, configMap("data")}, 2},
		{"another object of the same content is another place", []map[string]any{owner("other", map[string]any{"reads": "data"})}, 3},
		{"both are remembered", []map[string]any{reader}, 3},
	} {
		w := play(t, 1, through, s.seeds...)
		if renders != s.want {
			t.Errorf("%s: %d renders so far, want %d", s.why, renders, s.want)
		}
		for _, o := range w.Outcomes {
			for _, a := range o.Applies {
				if a.Origin.Owner != o.Object {
					t.Errorf("%s: %s belongs to another run", s.why, a.Ref())
				}
			}
		}
	}
}

// counting is a renderer whose result depends on how many ConfigMaps there are,
// whatever they are called.
type counting struct{ fake }

func (c counting) Render(ctx context.Context, in Input) Result {
	*c.renders++
	n := Consult(ctx, in.Cluster, func(ctx context.Context, c Cluster) int {
		return len(c.List(ctx, schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, ""))
	})
	return Result{State: Rendered, Revision: fmt.Sprint(n)}
}

func TestConsult(t *testing.T) {
	renders := 0
	through := []Renderer{NewCache(nil).Wrap(counting{fake{&renders}})}
	for _, s := range []struct {
		why   string
		seeds []map[string]any
		want  string
		sum   int
	}{
		{"the first time", []map[string]any{owner("o", nil), configMap("a")}, "1", 1},
		{"another object, the same answer", []map[string]any{owner("o", nil), configMap("b")}, "1", 1},
		{"another answer", []map[string]any{owner("o", nil), configMap("a"), configMap("b")}, "2", 2},
	} {
		w := play(t, 1, through, s.seeds...)
		if got := w.Outcomes[0].Revision; got != s.want || renders != s.sum {
			t.Errorf("%s: %s after %d renders, want %s after %d", s.why, got, renders, s.want, s.sum)
		}
	}
}

func TestPlacesAreThoseOfAllFields(t *testing.T) {
	at := func(text string) []finding.Position {
		doc := repo.FromFiles(map[string]string{"a.yaml": text}).Documents()[0]
		m, err := doc.Map()
		if err != nil {
			t.Fatal(err)
		}
		return places(&Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: Origin{Doc: doc}}, m)
	}
	const text = "apiVersion: test/v1\nkind: Owner\nmetadata: {name: a}\nspec:\n  values:\n    list: [one]\n"
	if d := cmp.Diff(at(text), at(text)); d != "" {
		t.Errorf("the same text has the same places:\n%s", d)
	}
	if cmp.Equal(at(text), at(strings.Replace(text, "    list", "\n    list", 1))) {
		t.Error("a deep field that moved by a line is at another place")
	}
}
