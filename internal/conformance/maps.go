package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// row is a row of a source map.
type row struct {
	Kind    string            `yaml:"kind"`
	URL     string            `yaml:"url"`
	Chart   string            `yaml:"chart,omitempty"`
	Version string            `yaml:"version,omitempty"`
	Ref     map[string]string `yaml:"ref,omitempty"`
	Type    string            `yaml:"mediaType,omitempty"`
	Path    string            `yaml:"path"`
}

type sourceMap struct {
	Complete bool  `yaml:"complete"` // what is not listed does not exist
	Closed   bool  `yaml:"closed"`
	Sources  []row `yaml:"sources"`
}

// maps writes the source map of each step: what is published before step head
// is in the second one only.
func (s *stage) maps() error {
	base := sourceMap{Complete: true, Closed: true}
	if err := s.otherRepositories(&base); err != nil {
		return err
	}
	if err := s.published(&base, ""); err != nil {
		return err
	}
	if err := write(filepath.Join(s.dir, "map-base.yaml"), base); err != nil {
		return err
	}
	all := sourceMap{Complete: true, Closed: true}
	if err := s.published(&all, "-head"); err != nil {
		return err
	}
	// A tag that is published once more before step head moves.
	moved := func(old row) bool {
		return slices.ContainsFunc(all.Sources, func(r row) bool {
			return r.Kind == old.Kind && r.URL == old.URL && r.Chart == old.Chart && r.Version == old.Version && r.Ref["tag"] == old.Ref["tag"]
		})
	}
	all.Sources = append(slices.DeleteFunc(slices.Clone(base.Sources), moved), all.Sources...)
	return write(filepath.Join(s.dir, "map-head.yaml"), all)
}

func (s *stage) otherRepositories(m *sourceMap) error {
	for _, dir := range folders(filepath.Join(s.src, "git")) {
		name := filepath.Base(dir)
		repo := filepath.Join(s.dir, "git", name)
		if err := commit(repo, dir, name); err != nil {
			return err
		}
		var err error
		if s.commits[name], err = head(repo); err != nil {
			return err
		}
		m.Sources = append(m.Sources, row{Kind: "GitRepository", URL: fill("__GIT_URL__/" + name), Ref: map[string]string{"branch": "main"}, Path: filepath.Join("git", name)})
	}
	return nil
}

func (s *stage) published(m *sourceMap, suffix string) error {
	for _, dir := range folders(filepath.Join(s.src, "charts"+suffix)) {
		if err := s.publish(m, dir, suffix); err != nil {
			return err
		}
	}
	for _, name := range folders(filepath.Join(s.src, "oci"+suffix)) {
		for _, tag := range folders(name) {
			rel := filepath.Join("oci"+suffix, filepath.Base(name), filepath.Base(tag))
			if err := copyTree(tag, filepath.Join(s.dir, rel)); err != nil {
				return err
			}
			m.Sources = append(m.Sources, row{
				Kind: "OCIRepository", URL: fill("__OCI_URL__/" + filepath.Base(name)),
				Ref: map[string]string{"tag": filepath.Base(tag)}, Path: rel, Type: "application/vnd.cncf.flux.content.v1.tar+gzip",
			})
		}
	}
	return nil
}

// publish packs a chart folder for the Helm repository and for the registry.
func (s *stage) publish(m *sourceMap, dir, suffix string) error {
	data, err := os.ReadFile(filepath.Join(dir, "Chart.yaml"))
	if err != nil {
		return err
	}
	var chart struct{ Name, Version string }
	if err := yaml.Unmarshal(data, &chart); err != nil {
		return err
	}
	filled := filepath.Join(s.dir, "chart-folders"+suffix, filepath.Base(dir))
	if err := copyTree(dir, filled); err != nil {
		return err
	}
	rel := filepath.Join("charts"+suffix, chart.Name+"-"+chart.Version+".tgz")
	if err := os.MkdirAll(filepath.Join(s.dir, "charts"+suffix), 0o755); err != nil {
		return err
	}
	if err := pack(filled, chart.Name, filepath.Join(s.dir, rel)); err != nil {
		return err
	}
	m.Sources = append(m.Sources,
		row{Kind: "HelmRepository", URL: fill("__HELM_URL__"), Chart: chart.Name, Version: chart.Version, Path: rel},
		row{Kind: "HelmRepository", URL: fill("__OCI_URL__/charts"), Chart: chart.Name, Version: chart.Version, Path: rel},
		row{Kind: "OCIRepository", URL: fill("__OCI_URL__/charts/" + chart.Name),
			Ref: map[string]string{"tag": strings.ReplaceAll(chart.Version, "+", "_")}, Path: rel, Type: "application/vnd.cncf.helm.chart.content.v1.tar+gzip"})
	return nil
}

// config writes what the repository does not say into a configuration file.
func (s *stage) config() error {
	rehearsal := map[string]any{"manager": "oracle", "neverReady": "oracle.test/never-ready", "environment": "server", "workloads": "never", "resync": s.Resync}
	if s.FakeReady {
		rehearsal["workloads"] = "ready"
	}
	c := map[string]any{
		"fluxVersion": "2.9", // of the controllers of the records
		"controllers": map[string]any{"kustomize": s.Flags["kustomize"], "helm": s.Flags["helm"], "sourceWatcher": s.Watcher},
		"rehearsal":   rehearsal,
		"bootstrap":   s.bootstrap(),
		// The ranges of the record's API server.
		"serviceRange": "10.0.0.0/24", "nodePortRange": "30000-32767",
	}
	before := map[string]any{"delete": s.HeadDelete}
	for _, part := range []struct {
		folder string
		into   map[string]any
		key    string
	}{{"cluster", c, "cluster"}, {"cluster-head", before, "apply"}} {
		if err := s.clusterFiles(part.folder, part.into, part.key); err != nil {
			return err
		}
	}
	rehearsal["beforeHead"] = before
	return write(filepath.Join(s.dir, "config.yaml"), c)
}

func (s *stage) clusterFiles(folder string, into map[string]any, key string) error {
	from := filepath.Join(s.src, folder)
	if !exists(from) {
		return nil
	}
	if err := copyTree(from, filepath.Join(s.dir, folder)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.dir, folder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := nameManager(f); err != nil {
			return err
		}
	}
	into[key] = files
	return nil
}

// nameManager turns the annotation that names the field manager of an object
// into what the program reads.
func nameManager(file string) error {
	docs, err := documents(file, strings.NewReplacer())
	if err != nil {
		return err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	for _, d := range docs {
		meta, _ := d["metadata"].(map[string]any)
		annotations, _ := meta["annotations"].(map[string]any)
		if m, ok := annotations["oracle.test/manager"]; ok {
			delete(annotations, "oracle.test/manager")
			if len(annotations) == 0 {
				delete(meta, "annotations")
			}
			meta["managedFields"] = []any{map[string]any{"manager": m, "operation": "Apply"}}
		}
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// bootstrap is what the record's harness applied before Flux started.
func (s *stage) bootstrap() []any {
	meta := func() map[string]any { return map[string]any{"name": "flux-system", "namespace": "flux-system"} }
	source := map[string]any{"interval": "1h", "timeout": "20s", "ref": map[string]any{"branch": "main"}, "url": fill("__GIT_URL__/flux-system")}
	for k, v := range s.GitRepository {
		source[k] = v
	}
	path := s.Path
	if path == "" {
		path = "./"
	}
	root := map[string]any{
		"interval": "1h", "retryInterval": "2s", "timeout": "10s", "path": path, "prune": true,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": "flux-system"},
	}
	for k, v := range s.Kustomization {
		root[k] = v
	}
	return []any{
		map[string]any{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": meta(), "spec": source},
		map[string]any{"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": meta(), "spec": root},
	}
}

func write(name string, v any) error {
	data, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// folders lists the folders in a folder, sorted.
func folders(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	sort.Strings(out)
	return out
}
