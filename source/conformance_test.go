package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	syaml "sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// places are URLs for those that a recorded case leaves open.
var places = strings.NewReplacer("__GIT_URL__", "https://git.test", "__HELM_URL__", "https://charts.test",
	"__OCI_URL__", "oci://oci.test", "__OCI_HOST__", "oci.test")

// recorded is one step of a recorded case.
type recorded struct {
	set     *Set
	objects []*unstructured.Unstructured
	get     Getter
	want    map[finding.Ref]record
}

// record is what the controllers said about an object.
type record struct {
	Reason, Message, Revision string
	Files                     []string
}

// openCase loads a step of a case: its repository as the source
// flux-system/flux-system, and a closed source map of what it publishes.
func openCase(t *testing.T, name, step string) recorded {
	t.Helper()
	dir := filepath.Join(beside.Folder(t, "conformance"), "cases", name)
	tree := dir + "/repo"
	if _, err := os.Stat(dir + "/head"); step == "head" && err == nil {
		tree = dir + "/head"
	}
	content := map[string]string{}
	err := filepath.WalkDir(tree, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(tree, p)
		content[filepath.ToSlash(rel)] = places.Replace(string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	self := finding.Ref{Group: Group, Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}
	r := recorded{want: records(t, filepath.Join(dir, "expect", step, "flux.yaml"))}
	r.set = New(Options{Tree: repo.FromFiles(content), Self: self, Map: loadMap(t, publishedMap(t, dir, step)), Workdir: t.TempDir(),
		Revision: "<commit:" + step + ">"})
	r.objects = []*unstructured.Unstructured{object(t, `{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository,
  metadata: {name: flux-system, namespace: flux-system}, spec: {url: "https://git.test/repo", ref: {branch: main}}}`)}
	for _, d := range r.set.Tree.Documents() {
		if m, err := d.Map(); err == nil && m["kind"] != nil {
			r.objects = append(r.objects, &unstructured.Unstructured{Object: m})
		}
	}
	r.get = getter(r.objects...)
	return r
}

// publishedMap lists the charts, repositories and artifacts of a case.
func publishedMap(t *testing.T, dir, step string) string {
	t.Helper()
	rows := []string{"complete: true", "sources:"}
	add := func(pattern, format string, args func(p string) []any) {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			rows = append(rows, fmt.Sprintf("- {"+format+", path: %q}", append(args(p), p)...))
		}
	}
	for _, suffix := range []string{"", "-head"} {
		if suffix != "" && step == "base" {
			continue
		}
		add("git"+suffix+"/*", "kind: GitRepository, url: https://git.test/%s, commit: <commit:second>, ref: {branch: main}",
			func(p string) []any { return []any{filepath.Base(p)} })
		add("oci"+suffix+"/*/*", "kind: OCIRepository, url: oci://oci.test/%s, ref: {tag: %s}",
			func(p string) []any { return []any{filepath.Base(filepath.Dir(p)), filepath.Base(p)} })
		add("charts"+suffix+"/*", "kind: HelmRepository, url: https://charts.test, chart: %s, version: %s", func(p string) []any {
			var meta struct{ Name, Version string }
			data, err := os.ReadFile(filepath.Join(p, "Chart.yaml"))
			if err == nil {
				err = syaml.Unmarshal(data, &meta)
			}
			if err != nil {
				t.Fatal(err)
			}
			return []any{meta.Name, meta.Version}
		})
	}
	return strings.Join(rows, "\n")
}

// records reads what the controllers said about sources.
func records(t *testing.T, file string) map[finding.Ref]record {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var flux struct {
		Objects []struct {
			APIVersion, Kind, Name, Namespace string
			Ready                             struct{ Reason, Message string }
			Artifact                          struct {
				Revision string
				Files    []string
			}
		}
	}
	if err := syaml.Unmarshal(data, &flux); err != nil {
		t.Fatal(err)
	}
	out := map[finding.Ref]record{}
	for _, o := range flux.Objects {
		group, _, _ := strings.Cut(o.APIVersion, "/")
		out[finding.Ref{Group: group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}] = record{
			Reason: o.Ready.Reason, Message: places.Replace(o.Ready.Message), Revision: o.Artifact.Revision, Files: o.Artifact.Files}
	}
	return out
}

// Every source object of these cases ends as the source-controller ended it:
// the same files, the same revision, or the same reason and message.
func TestRecordedSources(t *testing.T) {
	for _, c := range []struct{ name, step string }{
		{"sourceignore", "base"}, {"git-other", "base"}, {"missing-source", "base"}, {"helm-git-chart", "base"}, {"helm-git-chart", "head"},
		{"oci-source", "base"}, {"oci-source", "head"}, {"several-sources-change", "base"}, {"several-sources-change", "head"},
		{"artifact-generator", "base"}, {"helm-not-found", "base"},
	} {
		t.Run(c.name+"/"+c.step, func(t *testing.T) {
			r := openCase(t, c.name, c.step)
			checked := 0
			for _, o := range r.objects {
				ref := refOf(o)
				want, ok := r.want[ref]
				if !ok || ref.Group != Group || ref.Kind == "HelmRepository" {
					continue
				}
				checked++
				a, f := r.set.Artifact(context.Background(), o, r.get)
				if f != nil {
					if f.Unknown || f.Condition != want.Reason || f.Message != want.Message {
						t.Errorf("%s: %s %q (unknown %t), want %s %q", ref, f.Condition, f.Message, f.Unknown, want.Reason, want.Message)
					}
					continue
				}
				if diff := cmp.Diff(want.Files, paths(a.Files)); diff != "" {
					t.Errorf("%s:\n%s", ref, diff)
				}
				if got := maskDigest(a.Revision); got != want.Revision {
					t.Errorf("%s: revision %q, want %q", ref, got, want.Revision)
				}
			}
			if checked == 0 {
				t.Error("no source was compared")
			}
		})
	}
}

func maskDigest(revision string) string {
	if before, _, ok := strings.Cut(revision, "sha256:"); ok {
		return before + "sha256:<digest>"
	}
	return revision
}

// Every HelmChart of these cases ends as the source-controller ended it.
func TestRecordedCharts(t *testing.T) {
	for _, c := range []struct{ name, step string }{
		{"helm-not-found", "base"}, {"several-sources-change", "base"}, {"several-sources-change", "head"},
	} {
		t.Run(c.name+"/"+c.step, func(t *testing.T) {
			r := openCase(t, c.name, c.step)
			checked := 0
			for _, o := range r.objects {
				if o.GetKind() != "HelmRelease" {
					continue
				}
				checked++
				r.checkChart(t, o)
			}
			if checked == 0 {
				t.Error("no chart was compared")
			}
		})
	}
}

func (r recorded) checkChart(t *testing.T, release *unstructured.Unstructured) {
	t.Helper()
	at := func(f ...string) string { return text(release, append([]string{"spec", "chart", "spec"}, f...)...) }
	ns, name := release.GetNamespace(), release.GetName()
	want := r.want[finding.Ref{Group: Group, Kind: "HelmChart", Namespace: ns, Name: ns + "-" + name}]
	ref := finding.Ref{Group: Group, Kind: at("sourceRef", "kind"), Namespace: ns, Name: at("sourceRef", "name")}
	src := r.get(ref)
	if src == nil {
		if f := NotFound(ref); "failed to get source: "+f.Message != want.Message || f.Condition != want.Reason {
			t.Errorf("%s: %s %q, want %s %q", name, f.Condition, f.Message, want.Reason, want.Message)
		}
		return
	}
	chart, f := r.set.Chart(context.Background(), ChartRequest{Source: src, Chart: at("chart"), Version: at("version")}, r.get)
	if f != nil {
		message := strings.Replace(want.Message, "<tmpdir>/helmchart-<tmp>/source/", "", 1)
		if f.Unknown || f.Condition != want.Reason || f.Message != message {
			t.Errorf("%s: %s %q (unknown %t), want %s %q", name, f.Condition, f.Message, f.Unknown, want.Reason, message)
		}
		return
	}
	if chart.Version != want.Revision || !slices.ContainsFunc(chart.Files, func(f File) bool { return f.Path == "Chart.yaml" }) {
		t.Errorf("%s: version %q with %v, want %q", name, chart.Version, paths(chart.Files), want.Revision)
	}
}

// Each ArtifactGenerator of these cases yields the recorded files and message.
func TestRecordedGenerators(t *testing.T) {
	for _, c := range []struct{ name, step string }{
		{"artifact-generator", "base"}, {"artifact-generator", "head"},
		{"several-sources-change", "base"}, {"several-sources-change", "head"},
	} {
		t.Run(c.name+"/"+c.step, func(t *testing.T) {
			r := openCase(t, c.name, c.step)
			checked := 0
			for _, o := range r.objects {
				if o.GetKind() != "ArtifactGenerator" {
					continue
				}
				g := Generate(context.Background(), Generator{Object: o, Artifact: func(ctx context.Context, ref finding.Ref) (Artifact, *Failure) {
					return r.set.Artifact(ctx, r.get(ref), r.get)
				}})
				if g.Failure != nil {
					t.Fatal(g.Failure.Message)
				}
				for _, a := range g.Artifacts {
					checked++
					want := r.want[finding.Ref{Group: Group, Kind: "ExternalArtifact", Namespace: o.GetNamespace(), Name: a.Name}]
					if diff := cmp.Diff(want.Files, paths(a.Artifact.Files)); diff != "" {
						t.Errorf("%s:\n%s", a.Name, diff)
					}
					if got := maskDigest(a.Artifact.Revision); got != want.Revision {
						t.Errorf("%s: revision %q, want %q", a.Name, got, want.Revision)
					}
				}
			}
			if checked == 0 {
				t.Error("no artifact was compared")
			}
		})
	}
}

// A commit that changes only what another artifact takes leaves the digest of
// this one alone.
func TestUnchangedSubset(t *testing.T) {
	digests := map[string][]string{}
	for _, step := range []string{"base", "head"} {
		r := openCase(t, "artifact-generator", step)
		for _, o := range r.objects {
			if o.GetKind() != "ArtifactGenerator" {
				continue
			}
			g := Generate(context.Background(), Generator{Object: o, Artifact: func(ctx context.Context, ref finding.Ref) (Artifact, *Failure) {
				return r.set.Artifact(ctx, r.get(ref), r.get)
			}})
			for _, a := range g.Artifacts {
				digests[a.Name] = append(digests[a.Name], a.Artifact.Digest)
			}
		}
	}
	if a := digests["app-a"]; len(a) != 2 || a[0] == a[1] {
		t.Errorf("app-a: %v, want two digests", a)
	}
	if b := digests["app-b"]; len(b) != 2 || b[0] != b[1] {
		t.Errorf("app-b: %v, want one digest", b)
	}
}
