package source

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// Whatever bytes an archive has, its files have valid paths.
func FuzzUnpack(f *testing.F) {
	blob, err := Pack("a", []File{{Path: "b/c", Data: []byte("x")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		files, err := unpack(blob)
		if err != nil {
			return
		}
		for _, file := range files {
			if !fs.ValidPath(file.Path) {
				t.Errorf("invalid path %q", file.Path)
			}
		}
		if len(files) == 0 {
			return
		}
		if err := fstest.TestFS(newFileSystem(files), files[0].Path); err != nil {
			t.Error(err)
		}
	})
}

// Whatever a source map holds, it loads or the error names the file.
func FuzzLoadMap(f *testing.F) {
	for _, seed := range []string{"", "sources: []", "sources: [{kind: HTTP, url: a, path: .}]", "a: &a [*a]", "sources: &s\n- *s", "- - -", "{<<: *x}"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "map.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := LoadMap(file)
		if err == nil {
			m.HTTP("a")
			m.Objects("a")
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
