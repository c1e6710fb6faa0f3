package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeMap writes a source map beside the files and returns its path.
func writeMap(t *testing.T, text string, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		p := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("kind: "+f+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "sources.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func loadMap(t *testing.T, text string, files ...string) *Map {
	t.Helper()
	m, err := LoadMap(writeMap(t, text, files...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLoadMapErrors(t *testing.T) {
	tests := []struct{ reason, text, want string }{
		{"no YAML", "sources: [", "sources.yaml: yaml:"},
		{"a list at the top", "- a", `sources.yaml:1: must be a mapping of keys to values`},
		{"sources is no list", "sources: 3", `sources.yaml:1: "sources" must be a list`},
		{"a row that is a text", "sources:\n- x", `sources.yaml:2: must be a mapping`},
		{"an unknown kind", "sources:\n- kind: HelmRepositry\n  path: a", `sources.yaml:2: "HelmRepositry" is not a kind of source: use one of GitRepository,`},
		{"no path", "sources:\n- {kind: GitRepository, name: a}", `sources.yaml:2: GitRepository has no path: set "path", or "match: missing"`},
		{"a path that does not exist", "sources:\n\n- {kind: GitRepository, name: a, path: gone}", `sources.yaml:3: path "gone" does not exist`},
		{"neither name nor url", "sources:\n- {kind: GitRepository, path: a}", `sources.yaml:2: GitRepository has neither a name nor a url`},
		{"a Helm repository stands for one chart", "sources:\n- {kind: HelmRepository, name: r, path: a}", `sources.yaml:2: HelmRepository has no chart`},
		{"HTTP without url", "sources:\n- {kind: HTTP, path: a}", `sources.yaml:2: HTTP has no url`},
		{"a mapping for a text", "sources:\n- kind: HTTP\n  url: {a: b}", `sources.yaml:3: "url" must be a text`},
		{"a text for a truth", "complete: maybe", `sources.yaml:1: "complete" must be true or false`},
		{"a key twice", "sources: []\nsources: []", `sources.yaml:2: the key "sources" is set twice`},
		{"two documents", "sources: []\n---\nsources: []", "a source map is one YAML document"},
	}
	for _, tt := range tests {
		_, err := LoadMap(writeMap(t, tt.text, "a"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.reason, err, tt.want)
		}
	}
	if _, err := LoadMap(filepath.Join(t.TempDir(), "absent.yaml")); err == nil {
		t.Error("a file that does not exist loads")
	}
	for _, empty := range []string{"", "# nothing\n", "---\n", "sources:\n", "other: key\n"} {
		if _, err := LoadMap(writeMap(t, empty)); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestMapHTTPAndObjects(t *testing.T) {
	m := loadMap(t, `
sources:
- {kind: HTTP, url: "https://h/a.yaml", path: a.yaml}
- {kind: HTTP, url: "https://h/a.yaml", path: b.yaml}
- {kind: HTTP, url: "https://h/missing.yaml", match: missing}
- {kind: ConfigMap, namespace: n, name: c, path: "<cluster>/c.yaml"}
- {kind: Secret, namespace: n, name: s, path: b.yaml}
- {kind: ExternalArtifact, namespace: n, name: e, path: anything}
`, "a.yaml", "b.yaml", "east/c.yaml")
	dir := filepath.Dir(m.File)
	if p, ok := m.HTTP("https://h/a.yaml#/x"); !ok || p != filepath.Join(dir, "a.yaml") {
		t.Errorf("the first row of a URL holds, without the fragment: %q, %t", p, ok)
	}
	if p, ok := m.HTTP("https://h/missing.yaml"); ok {
		t.Errorf("a missing row is not at hand, got %q", p)
	}
	want := []string{filepath.Join(dir, "east", "c.yaml"), filepath.Join(dir, "b.yaml")}
	if diff := cmp.Diff(want, m.Objects("east")); diff != "" {
		t.Error(diff)
	}
	for _, cluster := range []string{"west", "", "..", "../east", "east/../east"} {
		if diff := cmp.Diff(want[1:], m.Objects(cluster)); diff != "" {
			t.Errorf("cluster %q has no file of its own:\n%s", cluster, diff)
		}
	}
	var none *Map
	if _, ok := none.HTTP("https://h/a.yaml"); ok || none.Objects("east") != nil {
		t.Error("without a map nothing is at hand")
	}
}

func TestNormalURL(t *testing.T) {
	const want = "github.com/Org/repo"
	for _, u := range []string{
		"https://github.com/Org/repo", "https://GitHub.com/Org/repo.git", "https://user:pw@github.com/Org/repo/",
		"ssh://git@github.com/Org/repo", "ssh://git@github.com:22/Org/repo.git", "git@github.com:Org/repo.git",
		"https://github.com:443/Org/repo", "github.com:Org/repo",
	} {
		if got := NormalURL(u); got != want {
			t.Errorf("NormalURL(%q) = %q, want %q", u, got, want)
		}
	}
	for _, pair := range [][2]string{
		{"https://github.com/org/repo", "https://github.com/Org/repo"}, // paths keep their case
		{"https://host:8443/a", "https://host/a"},
		{"(bootstrap; placeholder)", "(bootstrap; placeholder)"}, // no place at all
		{"", ""},
	} {
		if sameURL(pair[0], pair[1]) {
			t.Errorf("%q and %q are taken for one place", pair[0], pair[1])
		}
	}
}

func TestGitRevision(t *testing.T) {
	tests := []struct {
		reason string
		ref    gitRef
		tag    string
		want   string
	}{
		{"no reference is the branch master", gitRef{}, "", "master@sha1:c"},
		{"branch", gitRef{Branch: "main"}, "", "main@sha1:c"},
		{"tag before branch", gitRef{Branch: "main", Tag: "v1"}, "", "v1@sha1:c"},
		{"a range names the tag", gitRef{Semver: "1.x", Tag: "v1"}, "1.2.0", "1.2.0@sha1:c"},
		{"name before range", gitRef{Name: "refs/heads/main", Semver: "1.x"}, "", "refs/heads/main@sha1:c"},
		{"commit alone has no name", gitRef{Commit: "d"}, "", "sha1:d"},
		{"commit with branch", gitRef{Commit: "d", Branch: "main"}, "", "main@sha1:d"},
	}
	for _, tt := range tests {
		if got := tt.ref.gitRevision("c", tt.tag); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
}
