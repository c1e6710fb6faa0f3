package source

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/artifact/config"
	"github.com/fluxcd/pkg/artifact/storage"
	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

func paths(files []File) []string {
	out := []string{}
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

func TestFileSystem(t *testing.T) {
	files := []File{
		{Path: "a", Data: []byte("1")},
		{Path: "a-b", Data: []byte("22")},
		{Path: "dir/sub/deep.yaml", Data: []byte("x")},
		{Path: "dir/run.sh", Exec: true, Data: []byte("#!")},
	}
	if err := fstest.TestFS(newFileSystem(files), "a", "a-b", "dir/sub/deep.yaml", "dir/run.sh"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(newFileSystem(nil)); err != nil {
		t.Errorf("an empty artifact: %v", err)
	}
	hostile := newFileSystem([]File{{Path: "../x"}, {Path: "/abs"}, {Path: "a"}, {Path: "a/b"}, {Path: "."}})
	if err := fstest.TestFS(hostile, "a"); err != nil {
		t.Errorf("invalid paths are left out: %v", err)
	}
}

func TestIgnoreRules(t *testing.T) {
	tests := []struct {
		reason string
		files  map[string]string
		ignore string
		want   []string
	}{
		{"without a user pattern the defaults leave out pictures, archives, CI files and files of git",
			map[string]string{"a.yaml": "", "logo.png": "", "x.tar.gz": "", "c.tgz": "", ".github/w.yaml": "", "app/.sops.yaml": "", ".gitignore": "", ".hidden/h.yaml": ""},
			"", []string{".hidden/h.yaml", "a.yaml", "c.tgz", "app/"}},
		{"one pattern anywhere removes the defaults, but not those for git",
			map[string]string{"a.yaml": "", "logo.png": "", ".github/w.yaml": "", ".gitignore": "", "sub/.sourceignore": "no-such-file"},
			"", []string{".github/w.yaml", "a.yaml", "logo.png", "sub/.sourceignore"}},
		{"a .sourceignore of comments only is no user pattern",
			map[string]string{"a.yaml": "", "logo.png": "", ".sourceignore": "# nothing\n\n"},
			"", []string{".sourceignore", "a.yaml"}},
		{"a nested file reaches its own folder only",
			map[string]string{"c.yaml": "", "sub/c.yaml": "", "sub/deep/c.yaml": "", "sub/.sourceignore": "c.yaml"},
			"", []string{"c.yaml", "sub/.sourceignore", "sub/deep/"}},
		{"spec.ignore comes last and brings files back",
			map[string]string{"docs/a.md": "", "docs/b.md": "", ".sourceignore": "docs/*"},
			"!docs/b.md", []string{".sourceignore", "docs/b.md"}},
		{"spec.ignore may leave out everything but a folder",
			map[string]string{"README.md": "", "deploy/a.yaml": "", "deploy/sub/b.yaml": "", "other/c.yaml": ""},
			"/*\n!/deploy\n", []string{"deploy/a.yaml", "deploy/sub/b.yaml"}},
		{"a folder stays when all in it is left out, and goes when a rule matches the folder",
			map[string]string{"a/b/c.yaml": "", "d/e.yaml": "", "f/g/h.yaml": "", "i.yaml": ""},
			"c.yaml\nd/\n/f/g\n", []string{"i.yaml", "a/", "a/b/", "f/"}},
	}
	for _, tt := range tests {
		b := filtered(treeNodes(repo.FromFiles(tt.files)), tt.ignore)
		if b.err != nil {
			t.Errorf("%s: %v", tt.reason, b.err)
			continue
		}
		got := []string{}
		for _, f := range b.files {
			got = append(got, f.Path)
		}
		for _, f := range b.folders {
			got = append(got, f+"/")
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.reason, diff)
		}
	}
}

// The digest is the one that the library of the controllers computes for the
// same files on disk.
func TestDigestEqualsLibrary(t *testing.T) {
	files := []File{
		{Path: "a-b/z.yaml", Data: []byte("z")},
		{Path: "a/b/c.yaml", Data: []byte("kind: ConfigMap\n")},
		{Path: "a.yaml", Data: nil},
		{Path: "run.sh", Exec: true, Data: []byte("#!/bin/sh\n")},
		{Path: strings.Repeat("long/", 30) + "ü.yaml", Data: []byte("x")},
	}
	dir, store := t.TempDir(), t.TempDir()
	if err := writeFiles(dir, files, "empty/inner", "a"); err != nil {
		t.Fatal(err)
	}
	s, err := storage.New(&config.Options{StoragePath: store, StorageAddress: ":0", StorageAdvAddress: "x", ArtifactDigestAlgo: "sha256"})
	if err != nil {
		t.Fatal(err)
	}
	artifact := meta.Artifact{Path: "x.tar.gz"}
	if err := s.Archive(&artifact, dir, nil); err != nil {
		t.Fatal(err)
	}
	got, err := Digest(files, "empty/inner", "a")
	if err != nil {
		t.Fatal(err)
	}
	if got != artifact.Digest {
		t.Errorf("Digest() = %s, the library says %s", got, artifact.Digest)
	}
}

func TestUnpack(t *testing.T) {
	blob, err := Pack("demo", []File{{Path: "Chart.yaml", Data: []byte("name: demo")}, {Path: "bin/run", Exec: true}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := unpack(blob)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"demo/Chart.yaml", "demo/bin/run"}, paths(files)); diff != "" {
		t.Error(diff)
	}
	if !files[1].Exec || files[0].Exec {
		t.Error("the executable bit is lost")
	}
	if _, err := unpack([]byte("no archive")); err == nil {
		t.Error("text is read as an archive")
	}
	for _, name := range []string{"../x", "/etc/passwd", "a/../../x", "."} {
		if p, err := archivePath(name); err == nil {
			t.Errorf("archivePath(%q) = %q", name, p)
		}
	}
}

func TestDir(t *testing.T) {
	work := filepath.Join(t.TempDir(), "work")
	s := New(Options{Tree: repo.FromFiles(nil), Workdir: work})
	b := digested([]File{{Path: "sub/a.yaml", Data: []byte("a")}, {Path: "run", Exec: true, Data: []byte("r")}})
	a := Artifact{Files: b.files, Digest: b.digest}
	var wg sync.WaitGroup
	dirs := make([]string, 8)
	for i := range dirs {
		wg.Go(func() {
			d, err := s.Dir(a)
			if err != nil {
				t.Error(err)
			}
			dirs[i] = d
		})
	}
	wg.Wait()
	for _, d := range dirs {
		if d != dirs[0] {
			t.Errorf("two folders for one digest: %q and %q", d, dirs[0])
		}
	}
	if data, err := os.ReadFile(filepath.Join(dirs[0], "sub", "a.yaml")); err != nil || string(data) != "a" {
		t.Errorf("sub/a.yaml = %q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(dirs[0], "run")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("run: %v, %v", info, err)
	}
	entries, err := os.ReadDir(work)
	if err != nil || len(entries) != 1 {
		t.Errorf("the work folder holds %v, %v: want one folder", entries, err)
	}
	for reason, bad := range map[string]Artifact{
		"a path that leaves the folder":   {Files: []File{{Path: "../evil"}}, Digest: "sha256:1"},
		"a digest that leaves the folder": {Digest: "sha256:../../x"},
		"a blob that is no archive":       {Blob: []byte("x"), Digest: "sha256:2"},
	} {
		if d, err := s.Dir(bad); err == nil {
			t.Errorf("%s: written to %q", reason, d)
		}
	}
	if _, err := New(Options{Tree: repo.FromFiles(nil)}).Dir(a); err == nil {
		t.Error("without a work folder nothing is written")
	}
}
