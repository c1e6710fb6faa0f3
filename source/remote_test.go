package source

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRemote(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"v1/a.yaml": "a: v1", "main/a.yaml": "a: main", "any/a.yaml": "a: any", "own/a.yaml": "a: own",
		"map.yaml": `sources:
- {kind: GitRepository, url: "https://host.example/o/any", path: any}
- {kind: GitRepository, url: "https://host.example/o/r", ref: {tag: v1}, commit: 0123456789012345678901234567890123456789, path: v1}
- {kind: GitRepository, url: "https://host.example/o/r.git", ref: {branch: main}, path: main}
- {kind: GitRepository, url: "https://host.example/o/own", path: own}
- {kind: GitRepository, name: named, namespace: x, path: any}
`,
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := LoadMap(filepath.Join(dir, "map.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Map: m, Workdir: t.TempDir(), Path: filepath.Join(dir, "own")})
	tests := []struct{ reason, url, ref, want string }{
		{"a tag", "https://host.example/o/r", "v1", "a: v1"},
		{"a branch, and the URL in another spelling", "ssh://git@host.example/o/r.git", "main", "a: main"},
		{"a short commit", "https://host.example/o/r", "01234567", "a: v1"},
		{"no reference means the main branch", "https://host.example/o/r", "", "a: main"},
		{"another reference is not at hand", "https://host.example/o/r", "v2", ""},
		{"a row without a reference stands for all", "https://host.example/o/any", "v9", "a: any"},
		{"another repository", "https://host.example/o/other", "v1", ""},
		{"this repository at another revision", "https://host.example/o/own", "v1", ""},
	}
	for _, test := range tests {
		got := ""
		if found, ok := s.Remote(test.url, test.ref); ok {
			data, err := os.ReadFile(filepath.Join(found, "a.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.reason, got, test.want)
		}
	}
}
