package helmrelease

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// wantValues are the reasons of charts that do not render without values.
var wantValues = map[string]bool{ReasonTemplateFail: true, ReasonTemplate: true, ReasonSchema: true}

// TestCorporaCharts renders every chart of the real repositories with its
// default values, twice, with two Renderers.
func TestCorporaCharts(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(sharedFolder(t, "corpora"), "*/sources/charts/*.tgz"))
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
				prints[i] = print(t, result)
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

// print is all that a render yields, as bytes.
func print(t *testing.T, r render.Result) []byte {
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
