package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/artifactgenerator"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// places are URLs for those that a recorded case leaves open.
var places = strings.NewReplacer("__GIT_URL__", "https://git.test", "__HELM_URL__", "https://charts.test",
	"__OCI_URL__", "oci://oci.test", "__OCI_HOST__", "oci.test")

// commits stand for those of the record.
var commits = map[string]string{"base": strings.Repeat("b", 40), "head": strings.Repeat("d", 40), "second": strings.Repeat("e", 40)}

// recordedCase is case.yaml.
type recordedCase struct {
	Path          string              `json:"path"`
	Resync        bool                `json:"resync"`
	FakeReady     bool                `json:"fakeReady"`
	Watcher       bool                `json:"watcher"`
	Flags         map[string][]string `json:"flags"`
	HeadDelete    []map[string]string `json:"headDelete"`
	GitRepository map[string]any      `json:"gitRepository"`
	Kustomization map[string]any      `json:"kustomization"`
	dir           string
}

func openCase(t *testing.T, dir string) recordedCase {
	t.Helper()
	c := recordedCase{dir: dir}
	readYAML(t, filepath.Join(dir, "case.yaml"), &c)
	return c
}

func readYAML(t *testing.T, name string, out any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(places.Replace(string(data))), out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// options are those of a replay of the case.
func (c recordedCase) options(t *testing.T, folder string) simulate.Options {
	t.Helper()
	o := simulate.Options{
		Config: server(t), FluxCRDs: objects(t, filepath.Join(folder, "crds")), SeedManager: "oracle", Releases: releases.New(), States: true,
		Emulate: simulate.Emulate{Namespaces: true, AssumeReady: c.FakeReady, NeverReady: "oracle.test/never-ready"},
	}
	for _, name := range []string{"base", "head", "resync"} {
		if _, err := os.Stat(filepath.Join(c.dir, "expect", name)); err == nil {
			o.Steps = append(o.Steps, c.step(t, name))
		}
	}
	return o
}

func (c recordedCase) step(t *testing.T, name string) simulate.StepInput {
	t.Helper()
	tree, rev := filepath.Join(c.dir, "repo"), "base"
	if _, err := os.Stat(filepath.Join(c.dir, "head")); err == nil && name != "base" {
		tree, rev = filepath.Join(c.dir, "head"), "head"
	}
	self := finding.Ref{Group: "source.toolkit.fluxcd.io", Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}
	set := source.New(source.Options{
		Tree: repo.FromFiles(files(t, tree)), Self: self, SelfURLs: []string{"https://git.test/flux-system"}, Map: c.published(t, name != "base"),
		Workdir: t.TempDir(), Revision: commits[rev],
	})
	in := simulate.StepInput{
		Name: name, Entry: c.entry(self), Sources: set, Settings: c.settings(),
		Renderers: []render.Renderer{kustomization.New(kustomization.Options{Dir: set.Dir}), artifactgenerator.New(), helmrelease.New(helmrelease.Options{})},
		Resync:    name != "base" && rev == "base" || name == "resync",
	}
	switch name {
	case "base":
		in.Apply = edits(objects(t, filepath.Join(c.dir, "cluster")), "kubectl")
	case "head":
		in.Apply = edits(objects(t, filepath.Join(c.dir, "cluster-head")), "kubectl-edit")
		for _, d := range c.HeadDelete {
			u := &unstructured.Unstructured{}
			u.SetAPIVersion(d["apiVersion"])
			u.SetKind(d["kind"])
			u.SetNamespace(d["namespace"])
			u.SetName(d["name"])
			in.Delete = append(in.Delete, simulate.Edit{Object: u})
		}
	}
	return in
}

func edits(list []*unstructured.Unstructured, manager string) []simulate.Edit {
	var out []simulate.Edit
	for _, u := range list {
		e := simulate.Edit{Object: u, Manager: manager}
		if m := u.GetAnnotations()["oracle.test/manager"]; m != "" {
			e.Manager = m
			annotations := u.GetAnnotations()
			delete(annotations, "oracle.test/manager")
			u.SetAnnotations(annotations)
		}
		out = append(out, e)
	}
	return out
}

func (c recordedCase) entry(self finding.Ref) repo.Entry {
	meta := func() map[string]any { return map[string]any{"name": "flux-system", "namespace": "flux-system"} }
	git := map[string]any{"interval": "1h", "timeout": "20s", "url": "https://git.test/flux-system", "ref": map[string]any{"branch": "main"}}
	for k, v := range c.GitRepository {
		git[k] = v
	}
	path := c.Path
	if path == "" {
		path = "./"
	}
	root := map[string]any{"interval": "1h", "retryInterval": "2s", "timeout": "10s", "path": path, "prune": true,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": "flux-system"}}
	for k, v := range c.Kustomization {
		root[k] = v
	}
	return repo.Entry{
		Name: "main", Dir: strings.TrimPrefix(path, "./"), Source: self,
		Root: finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: "flux-system"},
		Seeds: []repo.Seed{
			{Object: map[string]any{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": meta(), "spec": git}},
			{Object: map[string]any{"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": meta(), "spec": root}},
		},
	}
}

func (c recordedCase) settings() render.Settings {
	s := render.DefaultSettings()
	s.ExternalArtifact = c.Watcher
	for _, f := range append(c.Flags["kustomize"], c.Flags["helm"]...) {
		s.NoCrossNamespaceRefs = s.NoCrossNamespaceRefs || strings.Contains(f, "no-cross-namespace-refs=true")
		if strings.Contains(f, "StrictPostBuildSubstitutions=false") {
			s.StrictSubstitution = false
		}
	}
	for _, f := range c.Flags["kustomize"] {
		if v, ok := strings.CutPrefix(f, "--default-service-account="); ok {
			s.KustomizeDefaultServiceAccount = v
		}
	}
	for _, f := range c.Flags["helm"] {
		if v, ok := strings.CutPrefix(f, "--default-service-account="); ok {
			s.HelmDefaultServiceAccount = v
		}
	}
	return s
}

// published lists the charts, repositories and artifacts of a case.
func (c recordedCase) published(t *testing.T, head bool) *source.Map {
	t.Helper()
	rows := []string{"complete: true", "sources:"}
	add := func(pattern, format string, args func(p string) []any) {
		found, err := filepath.Glob(filepath.Join(c.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			rows = append(rows, fmt.Sprintf("- {"+format+", path: %q}", append(args(p), filled(t, p))...))
		}
	}
	for _, suffix := range []string{"", "-head"} {
		if suffix != "" && !head {
			continue
		}
		add("git"+suffix+"/*", "kind: GitRepository, url: https://git.test/%s, commit: "+commits["second"]+", ref: {branch: main}",
			func(p string) []any { return []any{filepath.Base(p)} })
		add("oci"+suffix+"/*/*", "kind: OCIRepository, url: oci://oci.test/%s, ref: {tag: %s}",
			func(p string) []any { return []any{filepath.Base(filepath.Dir(p)), filepath.Base(p)} })
		add("charts"+suffix+"/*", "kind: HelmRepository, url: https://charts.test, chart: %s, version: %s", func(p string) []any {
			var chart struct{ Name, Version string }
			readYAML(t, filepath.Join(p, "Chart.yaml"), &chart)
			return []any{chart.Name, chart.Version}
		})
	}
	file := filepath.Join(t.TempDir(), "map.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(rows, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := source.LoadMap(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// filled copies a folder with the places put in.
func filled(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	for name, data := range files(t, dir) {
		to := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// files reads a folder with the places put in.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = places.Replace(string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objects reads all objects of a folder, none when there is no folder.
func objects(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	var out []*unstructured.Unstructured
	for _, d := range repo.FromFiles(files(t, dir)).Documents() {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		if m != nil {
			out = append(out, &unstructured.Unstructured{Object: m})
		}
	}
	return out
}
