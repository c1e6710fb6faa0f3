package helmrelease

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// conformanceCase is a repository and what the controllers made of it.
type conformanceCase struct {
	cluster  cluster
	releases []*render.Object
	sources  setSources
	objects  []*unstructured.Unstructured // recorded
	status   map[string]recorded          // by namespace/name
}

type recorded struct {
	Kind, Namespace, Name string
	History               []string
	Ready                 struct{ Status, Reason, Message string }
}

// setSources resolves with package source, as a World does.
type setSources struct {
	set     *source.Set
	cluster cluster
}

func (s setSources) get(ref finding.Ref) *unstructured.Unstructured {
	u, _ := s.cluster.Get(context.Background(), ref)
	return u
}

func (s setSources) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	obj := s.get(ref)
	if obj == nil {
		return source.Artifact{}, source.NotFound(ref)
	}
	return s.set.Artifact(ctx, obj, s.get)
}

func (s setSources) Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	obj := s.get(ref)
	if obj == nil {
		return source.Chart{}, source.NotFound(ref)
	}
	return s.set.Chart(ctx, source.ChartRequest{Source: obj, Chart: chart, Version: version}, s.get)
}

// urls stands in for the servers of the recordings.
var urls = strings.NewReplacer("__HELM_URL__", "https://charts.example.com", "__OCI_URL__", "oci://registry.example.com", "__GIT_URL__", "https://git.example.com")

func loadCase(t *testing.T, dir string) conformanceCase {
	t.Helper()
	c := conformanceCase{status: map[string]recorded{}}
	tree := repo.FromFiles(readTree(t, filepath.Join(dir, "repo")))
	c.admit(t, tree)
	c.admit(t, repo.FromFiles(readTree(t, filepath.Join(dir, "cluster"))))
	self := finding.Ref{Group: sourceGroup, Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}
	c.cluster.objects = append(c.cluster.objects, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": self.Kind,
		"metadata": map[string]any{"name": self.Name, "namespace": self.Namespace},
		"spec":     map[string]any{"url": "https://git.example.com/flux-system", "ref": map[string]any{"branch": "main"}},
	}})
	c.sources = setSources{cluster: c.cluster, set: source.New(source.Options{Tree: tree, Self: self, Map: chartMap(t, dir), Workdir: t.TempDir()})}
	var status struct{ Objects []recorded }
	readYAML(t, filepath.Join(dir, "expect/base/flux.yaml"), &status)
	for _, s := range status.Objects {
		if s.Kind == Kind {
			c.status[s.Namespace+"/"+s.Name] = s
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "expect/base/objects.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split(string(data), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatal(err)
		}
		c.objects = append(c.objects, u)
	}
	return c
}

func (c *conformanceCase) admit(t *testing.T, tree *repo.Tree) {
	t.Helper()
	for _, d := range tree.Documents() {
		m, err := d.Map()
		if err != nil || m["kind"] == nil || m["metadata"] == nil {
			continue
		}
		u := &unstructured.Unstructured{Object: m}
		c.cluster.objects = append(c.cluster.objects, u)
		if u.GetKind() == Kind {
			c.releases = append(c.releases, &render.Object{Unstructured: u, Origin: render.Origin{Doc: d}})
		}
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = urls.Replace(string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// chartMap is a source map with the charts of the case as a Helm repository.
func chartMap(t *testing.T, dir string) *source.Map {
	t.Helper()
	var b strings.Builder
	b.WriteString("complete: true\nsources:\n")
	charts, _ := filepath.Glob(filepath.Join(dir, "charts/*"))
	for _, folder := range charts {
		var meta struct{ Name, Version string }
		readYAML(t, filepath.Join(folder, "Chart.yaml"), &meta)
		fmt.Fprintf(&b, "- {kind: HelmRepository, url: %q, chart: %q, version: %q, path: %q}\n",
			"https://charts.example.com", meta.Name, meta.Version, folder)
	}
	file := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := source.LoadMap(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readYAML(t *testing.T, path string, to any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

// serverSays are failures that only an API server knows of.
var serverSays = regexp.MustCompile(`server-side apply failed|unable to continue with install|unable to build kubernetes objects|forbidden|dependency '|unable to get '|Helm test failed|Helm upgrade`)

// tempFolder is where the recorded controllers worked.
var tempFolder = regexp.MustCompile(`<tmpdir>/helmchart-<tmp>/source/`)

// needsCluster are cases whose record shows the work of others on the same objects.
var needsCluster = []string{"helm-adopt"}

// TestConformance renders the releases of the recorded cases: what the
// controllers installed, and what they refused while rendering.
func TestConformance(t *testing.T) {
	root := beside.Folder(t, "conformance/cases")
	compared := 0
	for _, name := range helmCases(t, root) {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(needsCluster, name) {
				t.Skip("skipped: the record depends on objects of others")
			}
			c := loadCase(t, filepath.Join(root, name))
			for _, hr := range c.releases {
				want, ok := c.status[hr.GetNamespace()+"/"+hr.GetName()]
				if !ok || serverSays.MatchString(want.Ready.Message) {
					continue
				}
				compared++
				in := input(hr, c.cluster, sources{})
				in.Sources = c.sources
				in.Settings.HelmNoCrossNamespaceRefs = name == "lockdown"
				c.compare(t, want, New(Options{Namespaced: scopes}).Render(t.Context(), in))
			}
		})
	}
	const releases = 30 // that the cases hold at least
	if compared < releases {
		t.Errorf("compared %d releases, want at least %d", compared, releases)
	}
}

func helmCases(t *testing.T, root string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(root, "*/case.yaml"))
	var out []string
	for _, f := range files {
		var c struct{ Tags []string }
		readYAML(t, f, &c)
		if slices.Contains(c.Tags, "helm") {
			out = append(out, filepath.Base(filepath.Dir(f)))
		}
	}
	if len(out) == 0 {
		t.Fatal("no case with tag helm")
	}
	return out
}

func (c conformanceCase) compare(t *testing.T, want recorded, got render.Result) {
	t.Helper()
	name := want.Namespace + "/" + want.Name
	if want.Ready.Status != "True" {
		if want.Ready.Status == "" && got.State == render.Suspended {
			return
		}
		ready := render.Condition{Status: want.Ready.Status, Reason: want.Ready.Reason, Message: tempFolder.ReplaceAllString(want.Ready.Message, "")}
		if diff := cmp.Diff(ready, got.Ready); diff != "" || got.State != render.Failed {
			t.Errorf("%s: state %s, condition (-recorded +rendered):\n%s", name, got.State, diff)
		}
		return
	}
	if got.State != render.Rendered {
		t.Errorf("%s: state %s, reason %s: %s", name, got.State, got.Reason, got.Ready.Message)
		return
	}
	if r := got.Release; len(want.History) > 0 && !strings.Contains(want.History[0], "<commit") {
		line := fmt.Sprintf("%s/%s.v1 chart=%s@%s ", r.Namespace, r.Name, r.Chart, r.Version)
		if !strings.HasPrefix(want.History[len(want.History)-1], line) {
			t.Errorf("%s: history %q, rendered %q", name, want.History, line)
		}
	}
	for _, o := range append(slices.Clone(got.CRDs), got.Applies...) {
		i := slices.IndexFunc(c.objects, func(u *unstructured.Unstructured) bool { return render.RefOf(u) == o.Ref() })
		if i < 0 {
			t.Errorf("%s: %s is not recorded", name, o.Ref())
			continue
		}
		if diff := missing(o.Object, c.objects[i].Object, ""); diff != "" {
			t.Errorf("%s: %s: %s", name, o.Ref(), diff)
		}
	}
}

// missing names the first field of ours that the record has not, or has with
// another value. The record has more: defaults of the server.
func missing(ours, theirs any, at string) string {
	switch o := ours.(type) {
	case map[string]any:
		m, ok := theirs.(map[string]any)
		if !ok && len(o) > 0 {
			return fmt.Sprintf("%s: recorded %v, rendered %v", at, theirs, ours)
		}
		if strings.HasSuffix(at, "/data") && len(o) != len(m) {
			return fmt.Sprintf("%s: recorded %v, rendered %v", at, theirs, ours)
		}
		for k, v := range o {
			if s := missing(v, m[k], at+"/"+k); s != "" {
				return s
			}
		}
		return ""
	case []any:
		l, ok := theirs.([]any)
		if !ok || len(l) != len(o) {
			return fmt.Sprintf("%s: recorded %v, rendered %v", at, theirs, ours)
		}
		for i := range o {
			if s := missing(o[i], l[i], item(at, i)); s != "" {
				return s
			}
		}
		return ""
	}
	if fmt.Sprint(ours) != fmt.Sprint(theirs) {
		return fmt.Sprintf("%s: recorded %v, rendered %v", at, theirs, ours)
	}
	return ""
}
