package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// record is a Flux object in flux.yaml.
type record struct {
	Kind      string           `json:"kind"`
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	Ready     render.Condition `json:"ready"`
	Inventory []string         `json:"inventory"`
	History   []string         `json:"history"`
}

// The whole of what the real controllers did is asked for with CONFORMANCE=all,
// or some cases by name.
var sample = []string{"move-object", "depends-order"}

func TestConformance(t *testing.T) {
	folder := beside.Folder(t, "conformance")
	names := sample
	if v := os.Getenv("CONFORMANCE"); v != "" {
		names = strings.Split(v, ",")
	}
	if slices.Equal(names, []string{"all"}) {
		found, err := filepath.Glob(filepath.Join(folder, "cases", "*"))
		if err != nil {
			t.Fatal(err)
		}
		names = nil
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c := openCase(t, filepath.Join(folder, "cases", name))
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			o := c.options(t, folder)
			start := time.Now()
			o.Progress = func(m string) {
				if testing.Verbose() && os.Getenv("TRACE") != "" {
					t.Log(time.Since(start).Round(time.Millisecond), m)
				}
			}
			result, err := simulate.Run(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("replayed in %s", time.Since(start).Round(time.Millisecond))
			for i, step := range result.Steps {
				compare(t, filepath.Join(c.dir, "expect", step.Name), step, result.States[i])
			}
		})
	}
}

func compare(t *testing.T, dir string, step simulate.Step, state []*unstructured.Unstructured) {
	t.Helper()
	var flux struct{ Objects []record }
	readYAML(t, filepath.Join(dir, "flux.yaml"), &flux)
	owners := map[string]simulate.Owner{}
	for _, o := range step.Owners {
		owners[o.Ref.String()] = o
	}
	for _, want := range flux.Objects {
		id := want.Kind + "/" + want.Namespace + "/" + want.Name
		o, ok := owners[id]
		if !ok {
			t.Errorf("%s: %s is missing", step.Name, id)
			continue
		}
		got := record{Kind: want.Kind, Namespace: want.Namespace, Name: want.Name, Ready: o.Ready, Inventory: o.Inventory, History: o.History}
		for i := range got.History {
			got.History[i] = masked(got.History[i])
		}
		want.Ready.Message, got.Ready.Message = masked(want.Ready.Message), masked(got.Ready.Message)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s:\n%s", step.Name, id, d)
		}
	}
	want, got := recordedObjects(t, filepath.Join(dir, "objects.yaml")), stateObjects(state)
	for _, k := range keys(want, got) {
		switch {
		case want[k] == nil:
			t.Errorf("%s: %s is too much", step.Name, k)
		case got[k] == nil:
			t.Errorf("%s: %s is missing", step.Name, k)
		default:
			if d := cmp.Diff(want[k], got[k]); d != "" {
				t.Errorf("%s: %s:\n%s", step.Name, k, d)
			}
		}
	}
	if t.Failed() {
		for _, n := range step.Notes {
			t.Log(step.Name, "note:", n)
		}
		for _, c := range step.Changes {
			t.Log(step.Name, "change:", c.Owner, c.Action, c.Object, c.Reason)
		}
	}
}

func keys(maps ...map[string]map[string]any) []string {
	var out []string
	for _, m := range maps {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func recordedObjects(t *testing.T, name string) map[string]map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	dec := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(places.Replace(string(data))), 4096)
	for {
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			return out
		}
		add(out, m)
	}
}

func stateObjects(state []*unstructured.Unstructured) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, u := range state {
		add(out, u.Object)
	}
	return out
}

// add takes an object in, less the bookkeeping that equality is not required of.
func add(out map[string]map[string]any, m map[string]any) {
	u := &unstructured.Unstructured{Object: normal(m).(map[string]any)}
	kind := u.GetKind()
	if kind == "" || kind == "HelmChart" || kind == "ExternalArtifact" || u.Object["type"] == "helm.sh/release.v1" {
		return
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "managedFields")
	if strings.Contains(u.GroupVersionKind().Group, "fluxcd.io") {
		u.SetFinalizers(nil)
	}
	out[u.GetAPIVersion()+" "+render.RefOf(u).String()] = u.Object
}

// normal makes numbers comparable.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = normal(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normal(e)
		}
		return out
	case string:
		return commitsMasked(v)
	case int64, float64, int:
		return fmt.Sprint(v)
	}
	return v
}

var masks = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`<tmpdir>/(kustomization|helmchart)-<tmp>/(source/)?`), ""},
	{regexp.MustCompile(`retrying in \d+s`), "retrying"},
	{regexp.MustCompile(`failed after (<dur>|[0-9hms.]+)`), "failed"},
	{regexp.MustCompile(`b{40}|b{12}`), "<commit:base>"},
	{regexp.MustCompile(`d{40}|d{12}`), "<commit:head>"},
	{regexp.MustCompile(`e{40}|e{12}`), "<commit:second>"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:<digest>"},
}

func commitsMasked(s string) string {
	for _, m := range masks[3:6] {
		s = m.from.ReplaceAllString(s, m.to)
	}
	return s
}

func masked(s string) string {
	for _, m := range masks {
		s = m.from.ReplaceAllString(s, m.to)
	}
	return strings.Join(strings.Fields(s), " ")
}
