package helmrelease

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	release4 "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// offlineCluster has the capabilities that Helm 4 assumes without a server.
type offlineCluster struct{ cluster }

func (offlineCluster) Capabilities(context.Context) render.Capabilities {
	versions := slices.Clone(common.DefaultCapabilities.APIVersions)
	slices.Sort(versions)
	return render.Capabilities{KubeVersion: "v1.37.2", APIVersions: slices.Compact(versions)}
}

// postRenderer gives the post-renderers of the release to Helm.
type postRenderer struct{ in kustomize.PostRenderInput }

func (p postRenderer) Run(manifests *bytes.Buffer) (*bytes.Buffer, error) {
	p.in.Manifests = manifests.Bytes()
	out, err := kustomize.PostRender(p.in)
	return bytes.NewBuffer(out), err
}

// byAction is what the install action of Helm 4 makes of the release, without a
// server: the manifest and the hooks in their order.
func byAction(t *testing.T, r *Renderer, run *renderRun) (string, error) {
	t.Helper()
	p := run.prepared
	c, err := p.Chart.loadHelm4()
	if err != nil {
		t.Fatal(err)
	}
	cfg := action.NewConfiguration(action.ConfigurationSetLogger(slog.NewTextHandler(io.Discard, nil)))
	cfg.CustomTemplateFuncs = r.Functions(p)
	cfg.CustomTemplateFuncs["lookup"] = (&lookups{ctx: t.Context(), run: run}).lookup
	install := action.NewInstall(cfg)
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName, install.Namespace = p.ReleaseName, p.ReleaseNamespace
	install.SkipCRDs, install.SkipSchemaValidation = true, true
	if install.KubeVersion, err = common.ParseKubeVersion("v1.37.2"); err != nil {
		t.Fatal(err)
	}
	for _, crd := range run.crds {
		install.APIVersions = append(install.APIVersions, render.ServedBy(crd.Unstructured)...)
	}
	install.PostRenderer = postRenderer{postRenderInput(p.HelmRelease)}
	install.PostRenderStrategy = action.PostRenderStrategy(run.strategy())
	values, _ := copyValues(p.Values).(map[string]any)
	released, err := install.RunWithContext(t.Context(), c, values)
	if err != nil {
		return "", err
	}
	rel, ok := released.(*release4.Release)
	if !ok {
		t.Fatalf("a release of type %T", released)
	}
	var out strings.Builder
	out.WriteString(rel.Manifest)
	for _, h := range rel.Hooks {
		fmt.Fprintf(&out, "--- hook %s %s\n%s\n", h.Path, h.Name, h.Manifest)
	}
	return out.String(), nil
}

// asAction prints what the Renderer yields in the way of byAction.
func asAction(t *testing.T, run *renderRun) (string, error) {
	t.Helper()
	hooks, manifests, err := run.manifests(t.Context())
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, m := range manifests {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	for _, h := range hooks {
		fmt.Fprintf(&out, "--- hook %s %s\n%s\n", h.Path, h.Name, h.Manifest)
	}
	return out.String(), nil
}

// compareWithAction renders a release in both ways. It reports whether there
// was something to compare.
func compareWithAction(t *testing.T, in render.Input) bool {
	t.Helper()
	r := New(Options{Namespaced: scopes})
	p, f := r.Prepare(t.Context(), in)
	if f != nil {
		return false
	}
	run := &renderRun{renderer: r, in: in, prepared: p}
	got, gotErr := asAction(t, run)
	want, wantErr := byAction(t, r, run)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		if !strings.Contains(fmt.Sprint(gotErr), "values don't meet") {
			t.Errorf("%s of chart %s: %v, want %v", in.Object.GetName(), p.ChartName, gotErr, wantErr)
		}
		return true
	}
	if got != want {
		t.Errorf("%s of chart %s (-Helm 4 +ours):\n%s", in.Object.GetName(), p.ChartName, cmp.Diff(want, got))
	}
	return true
}

// TestCorporaAsAction renders the charts and the releases of real repositories
// as Helm 4 does.
func TestCorporaAsAction(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: rendering all charts of the real repositories twice takes long")
	}
	root := beside.Folder(t, "corpora")
	archives, err := filepath.Glob(filepath.Join(root, "*/sources/charts/*.tgz"))
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
			if _, _, beyond := composed(t, "", data); beyond == "" {
				suited++
			} else {
				t.Logf("rendered with Helm 4 because of %s", beyond)
			}
			in := input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": {Archive: data}}})
			in.Cluster = offlineCluster{}
			compareWithAction(t, in)
		})
	}
	const charts = 30 // that Helm 3 renders at least
	t.Logf("Helm 3 renders %d of %d charts", suited, len(archives))
	if suited < charts {
		t.Errorf("Helm 3 renders %d charts, want at least %d", suited, charts)
	}
	bundles, _ := filepath.Glob(filepath.Join(root, "*/repo"))
	compared := 0
	for _, dir := range bundles {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			compared += compareBundle(t, dir)
		})
	}
	const releases = 30 // that can be rendered from their files
	if compared < releases {
		t.Errorf("compared %d releases, want at least %d", compared, releases)
	}
}

func compareBundle(t *testing.T, dir string) int {
	t.Helper()
	c, set, _ := corpus(t, filepath.Dir(dir))
	const few = 5 // releases of one chart, as many more show nothing new
	seen := map[string]int{}
	compared := 0
	for _, hr := range c.releases {
		ref, _, _ := unstructured.NestedString(hr.Object, "spec", "chartRef", "name")
		chart, _, _ := unstructured.NestedString(hr.Object, "spec", "chart", "spec", "chart")
		if seen[ref+chart]++; seen[ref+chart] > few {
			continue
		}
		in := input(hr, c.cluster, sources{})
		in.Sources, in.Cluster = set, offlineCluster{c.cluster}
		if compareWithAction(t, in) {
			compared++
		}
	}
	return compared
}

// TestConformanceAsAction renders the releases of recorded cases as Helm 4 does.
func TestConformanceAsAction(t *testing.T) {
	root := beside.Folder(t, "conformance/cases")
	compared := 0
	for _, name := range helmCases(t, root) {
		t.Run(name, func(t *testing.T) {
			c := loadCase(t, filepath.Join(root, name))
			for _, hr := range c.releases {
				in := input(hr, c.cluster, sources{})
				in.Sources, in.Cluster = c.sources, offlineCluster{c.cluster}
				if compareWithAction(t, in) {
					compared++
				}
			}
		})
	}
	const releases = 30 // that the cases hold at least
	if compared < releases {
		t.Errorf("compared %d releases, want at least %d", compared, releases)
	}
}
