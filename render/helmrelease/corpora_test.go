package helmrelease

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// wantValues are the reasons of charts that do not render without values.
var wantValues = map[string]bool{ReasonTemplateFail: true, ReasonTemplate: true, ReasonSchema: true}

// TestCorporaCharts renders every chart of the real repositories with its
// default values, twice, with two Renderers.
func TestCorporaCharts(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(beside.Folder(t, "corpora"), "*/sources/charts/*.tgz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no charts found: %v", err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": {Archive: data}}})
			var prints [2][]byte
			for i := range prints {
				result := New(Options{Namespaced: scopes}).Render(t.Context(), in)
				prints[i] = everything(t, result)
				if result.State != render.Rendered && !wantValues[result.Reason] {
					t.Errorf("state %s, reason %s: %s", result.State, result.Reason, result.Ready.Message)
				}
			}
			if !bytes.Equal(prints[0], prints[1]) {
				t.Errorf("two renders differ: %s", cmp.Diff(string(prints[0]), string(prints[1])))
			}
		})
	}
}

// everything is all that a render yields, as bytes.
func everything(t *testing.T, r render.Result) []byte {
	t.Helper()
	var out []any
	for _, list := range [][]*render.Object{r.CRDs, r.Applies, r.Hooks} {
		for _, o := range list {
			out = append(out, o.Object, o.Origin.Note)
		}
	}
	data, err := json.Marshal([]any{out, r.Ready, r.Problems, r.Release})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCorporaReleases renders the releases of a real repository with their own
// values, as they stand in their files: ConfigMaps that a kustomization
// generates are absent, so their releases miss values.
func TestCorporaReleases(t *testing.T) {
	root := beside.Folder(t, "corpora/onedr0p-home-ops-2025-06")
	c, s, m := corpus(t, root)
	r := New(Options{Namespaced: scopes, HTTP: m.HTTP})
	counts := map[string]int{}
	for _, hr := range c.releases {
		in := input(hr, c.cluster, sources{})
		in.Sources = s
		got := r.Render(t.Context(), in)
		counts[string(got.State)+" "+got.Reason]++
		for _, p := range got.Problems {
			if p.Reason != ReasonValues {
				t.Errorf("%s: %s: %s", p.Pos, p.Reason, p.Message)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"rendered ": 58, "failed " + ReasonValues: 7}, counts); diff != "" {
		t.Errorf("releases by state (-want +got):\n%s", diff)
	}
}

// corpus reads the releases and the other objects of a real repository with its
// sources, as they stand in their files.
func corpus(t *testing.T, root string) (conformanceCase, setSources, *source.Map) {
	t.Helper()
	tree, err := repo.Folder(filepath.Join(root, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := source.LoadMap(filepath.Join(root, "sources.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c conformanceCase
	c.admit(t, tree)
	for _, u := range c.cluster.objects {
		if u.GetNamespace() == "" {
			u.SetNamespace("default")
		}
	}
	return c, setSources{cluster: c.cluster, set: source.New(source.Options{Tree: tree, Map: m, Workdir: t.TempDir()})}, m
}
