package helmrelease

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/flux-rehearse/flux-rehearse/source"
)

// composed is a run of the release whose values are composed, and why
// it needs Helm 4.
func composed(t *testing.T, spec string, data []byte) (*renderRun, renderValues, string) {
	t.Helper()
	in := input(simple(t, spec), cluster{}, sources{charts: map[string]source.Chart{"demo": {Archive: data}}})
	r := New(Options{Namespaced: scopes})
	p, f := r.Prepare(t.Context(), in)
	if f != nil {
		t.Fatal(f.Problem)
	}
	run := &renderRun{renderer: r, in: in, prepared: p}
	var err error
	if run.chart, err = p.Chart.Load(); err != nil {
		t.Fatal(err)
	}
	run.beyond = beyondHelm3(run.chart)
	values, _ := copyValues(p.Values).(map[string]any)
	if err := chartutil.ProcessDependenciesWithMerge(run.chart, values); err != nil {
		t.Fatal(err)
	}
	v, err := run.compose(t.Context())
	if err != nil && v.top == nil {
		t.Fatal(err)
	}
	return run, v, run.needsHelm4(v)
}

// bothHelms renders with Helm 3, if it suits the chart, and with Helm 4.
func bothHelms(t *testing.T, spec string, data []byte) (three, four map[string]string, beyond string) {
	t.Helper()
	run, values, beyond := composed(t, spec, data)
	look := &lookups{ctx: context.Background(), run: run}
	four, err := run.renderHelm4(values, look)
	if beyond != "" {
		return nil, four, beyond
	}
	three, err3 := engine.RenderWithClientProvider(run.chart, values.top, look)
	if (err == nil) != (err3 == nil) {
		t.Errorf("Helm 3 says %v, Helm 4 says %v", err3, err)
	}
	return three, four, ""
}

// TestHelmVersionsAgreeOnCorpora renders the charts of the real repositories
// that Helm 3 suits with both versions.
func TestHelmVersionsAgreeOnCorpora(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(sharedFolder(t, "corpora"), "*/sources/charts/*.tgz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no charts found: %v", err)
	}
	suited := 0
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			three, four, beyond := bothHelms(t, "", data)
			if beyond != "" {
				t.Logf("rendered with Helm 4 because of %s", beyond)
				return
			}
			suited++
			if diff := cmp.Diff(four, three); diff != "" {
				t.Errorf("templates (-Helm 4 +Helm 3):\n%s", diff)
			}
		})
	}
	t.Logf("%d of %d", suited, len(archives))
}
