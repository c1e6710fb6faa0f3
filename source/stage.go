package source

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// stage is a folder in which an artifact is put together.
type stage struct {
	files   map[string]File
	folders map[string]bool
	view    fs.FS // of the files, nil after a change
}

func newStage(files []File) *stage {
	st := &stage{files: map[string]File{}, folders: map[string]bool{".": true}}
	for _, f := range files {
		if st.mkdir(path.Dir(f.Path)) == nil {
			st.files[f.Path] = f
		}
	}
	return st
}

// list returns the files, sorted by path.
func (st *stage) list() []File {
	out := make([]File, 0, len(st.files))
	for _, f := range st.files {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// fsys returns the files as a file system.
func (st *stage) fsys() fs.FS {
	if st.view == nil {
		st.view = newFileSystem(st.list())
	}
	return st.view
}

func (st *stage) isFolder(p string) bool { return st.folders[path.Clean(p)] }

func (st *stage) has(p string) bool {
	_, ok := st.files[p]
	return ok || st.isFolder(p)
}

// mkdir makes a folder and those around it.
func (st *stage) mkdir(p string) error {
	for ; !st.folders[p]; p = path.Dir(p) {
		if _, isFile := st.files[p]; isFile {
			return fmt.Errorf("mkdirat %s: not a directory", p)
		}
		if !fs.ValidPath(p) {
			return fmt.Errorf("mkdirat %s: path escapes from parent", p)
		}
		st.folders[p] = true
	}
	return nil
}

// put writes a file and replaces what is there.
func (st *stage) put(p string, f File) error {
	p = path.Clean(p)
	if !fs.ValidPath(p) {
		return fmt.Errorf("openat %s: path escapes from parent", p)
	}
	if st.isFolder(p) {
		return fmt.Errorf("openat %s: is a directory", p)
	}
	if err := st.mkdir(path.Dir(p)); err != nil {
		return fmt.Errorf("failed to create destination directory: %w", err)
	}
	f.Path = p
	st.files[p] = f
	st.view = nil
	return nil
}
