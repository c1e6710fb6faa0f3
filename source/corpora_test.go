package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	syaml "sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := syaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// getter finds objects among those given.
func getter(objs ...*unstructured.Unstructured) Getter {
	byRef := map[finding.Ref]*unstructured.Unstructured{}
	for _, o := range objs {
		byRef[refOf(o)] = o
	}
	return func(ref finding.Ref) *unstructured.Unstructured { return byRef[ref] }
}

type corpusRow struct {
	Kind, Namespace, Name, URL, Chart, Version, Resolved, Path, Match string
	Ref                                                               map[string]string
}

func corpusRows(t *testing.T, file string) []corpusRow {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Sources []corpusRow }
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Sources) == 0 {
		t.Fatalf("%s has no sources", file)
	}
	return m.Sources
}

// corpusObject is the source object that a row of a source map stands for.
func corpusObject(r corpusRow) *unstructured.Unstructured {
	spec := map[string]any{"url": r.URL, "interval": "1h"}
	if len(r.Ref) > 0 {
		ref := map[string]any{}
		for k, v := range r.Ref {
			ref[k] = v
		}
		spec["ref"] = ref
	}
	if r.Kind == "OCIRepository" && strings.HasSuffix(r.Path, ".tgz") {
		spec["layerSelector"] = map[string]any{"operation": "copy"}
	}
	if strings.HasPrefix(r.URL, "oci://") && r.Kind == "HelmRepository" {
		spec["type"] = "oci"
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	u.SetKind(r.Kind)
	u.SetNamespace(r.Namespace)
	u.SetName(r.Name)
	return u
}

// Every row of every corpus resolves to what it names: a chart with the
// resolved version, an artifact with content, a local file.
func TestCorporaResolve(t *testing.T) {
	corpora := beside.Folder(t, "corpora")
	maps, err := filepath.Glob(filepath.Join(corpora, "*", "sources.yaml"))
	if err != nil || len(maps) == 0 {
		t.Fatalf("no source maps: %v", err)
	}
	for _, file := range maps {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			m, err := LoadMap(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(file)
			s := New(Options{Tree: repo.FromFiles(map[string]string{"a": "a"}), Map: m, Workdir: t.TempDir()})
			for _, r := range corpusRows(t, file) {
				checkRow(t, s, dir, r)
			}
		})
	}
}

func checkRow(t *testing.T, s *Set, dir string, r corpusRow) {
	t.Helper()
	name := r.Kind + " " + r.Namespace + "/" + r.Name + " " + r.Chart + " " + r.Version
	switch r.Kind {
	case "HTTP", "HTTP-JSONSchema":
		if p, ok := s.Map.HTTP(r.URL + "#/definitions/x"); !ok || p != filepath.Join(dir, r.Path) {
			t.Errorf("%s: HTTP(%q) = %q, %t", name, r.URL, p, ok)
		}
	case "HelmRepository":
		c, f := s.Chart(context.Background(), ChartRequest{Source: corpusObject(r), Chart: r.Chart, Version: r.Version}, nil)
		if f != nil {
			t.Errorf("%s: %s", name, f.Message)
		} else if c.Version != r.Resolved || len(c.Archive) == 0 {
			t.Errorf("%s: version %q with %d bytes, want %q", name, c.Version, len(c.Archive), r.Resolved)
		}
	case "GitRepository", "OCIRepository":
		a, f := s.Artifact(context.Background(), corpusObject(r), nil)
		switch {
		case f != nil:
			t.Errorf("%s: %s", name, f.Message)
		case len(a.Files) == 0 && len(a.Blob) == 0:
			t.Errorf("%s: the artifact is empty", name)
		case r.Resolved != "" && !strings.HasPrefix(a.Revision, r.Resolved+"@sha256:"):
			t.Errorf("%s: revision %q, want %q", name, a.Revision, r.Resolved)
		}
	case "ConfigMap":
		for _, cluster := range []string{"c2-production", "c3", "development", "monitoring", "playground", "production"} {
			want := filepath.Join(dir, strings.ReplaceAll(r.Path, "<cluster>", cluster))
			if got := s.Map.Objects(cluster); len(got) != 1 || got[0] != want {
				t.Errorf("%s: Objects(%q) = %q, want %q", name, cluster, got, want)
			}
		}
	}
}
