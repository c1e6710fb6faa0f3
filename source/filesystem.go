package source

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// fileSystem is a read-only fs.FS over a list of files. It holds the folders
// that the files need, and those that are empty.
type fileSystem struct {
	nodes map[string]*fsNode
}

type fsNode struct {
	name     string
	file     *File // nil for a folder
	children []*fsNode
}

// newFileSystem returns the files as a file system. Files with an invalid path,
// or below a path that is itself a file, are left out.
func newFileSystem(files []File, folders ...string) fs.FS {
	f := &fileSystem{nodes: map[string]*fsNode{".": {name: "."}}}
	for i := range files {
		p := files[i].Path
		if !fs.ValidPath(p) || p == "." {
			continue
		}
		f.add(p, &files[i])
	}
	for _, p := range folders {
		if fs.ValidPath(p) {
			f.folder(p)
		}
	}
	for _, n := range f.nodes {
		slices.SortFunc(n.children, func(a, b *fsNode) int { return strings.Compare(a.name, b.name) })
	}
	return f
}

func (f *fileSystem) add(p string, file *File) {
	if old := f.nodes[p]; old != nil {
		if old.file != nil {
			old.file = file
		}
		return
	}
	parent := f.folder(path.Dir(p))
	if parent == nil {
		return
	}
	n := &fsNode{name: path.Base(p), file: file}
	f.nodes[p] = n
	parent.children = append(parent.children, n)
}

func (f *fileSystem) folder(p string) *fsNode {
	if n := f.nodes[p]; n != nil {
		if n.file != nil {
			return nil
		}
		return n
	}
	parent := f.folder(path.Dir(p))
	if parent == nil {
		return nil
	}
	n := &fsNode{name: path.Base(p)}
	f.nodes[p] = n
	parent.children = append(parent.children, n)
	return n
}

func (f *fileSystem) find(op, name string) (*fsNode, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n := f.nodes[name]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Open implements fs.FS.
func (f *fileSystem) Open(name string) (fs.File, error) {
	n, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.file == nil {
		return &openFolder{node: n, path: name}, nil
	}
	return &openFile{node: n, Reader: bytes.NewReader(n.file.Data)}, nil
}

// Stat implements fs.StatFS.
func (f *fileSystem) Stat(name string) (fs.FileInfo, error) {
	n, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ReadFile implements fs.ReadFileFS.
func (f *fileSystem) ReadFile(name string) ([]byte, error) {
	n, err := f.find("read", name)
	if err != nil {
		return nil, err
	}
	if n.file == nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	return slices.Clone(n.file.Data), nil
}

// ReadDir implements fs.ReadDirFS.
func (f *fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if n.file != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	return n.entries(), nil
}

func (n *fsNode) entries() []fs.DirEntry {
	out := make([]fs.DirEntry, len(n.children))
	for i, c := range n.children {
		out[i] = fs.FileInfoToDirEntry(c)
	}
	return out
}

// Name implements fs.FileInfo.
func (n *fsNode) Name() string { return n.name }

// Size implements fs.FileInfo.
func (n *fsNode) Size() int64 {
	if n.file == nil {
		return 0
	}
	return int64(len(n.file.Data))
}

// Mode implements fs.FileInfo. Modes are those of an artifact.
func (n *fsNode) Mode() fs.FileMode {
	switch {
	case n.file == nil:
		return fs.ModeDir | 0o750
	case n.file.Exec:
		return 0o700
	}
	return 0o600
}

// ModTime implements fs.FileInfo; an artifact keeps no times.
func (n *fsNode) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (n *fsNode) IsDir() bool { return n.file == nil }

// Sys implements fs.FileInfo.
func (n *fsNode) Sys() any { return nil }

type openFile struct {
	node *fsNode
	*bytes.Reader
}

// Stat implements fs.File.
func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }

// Close implements fs.File.
func (f *openFile) Close() error { return nil }

type openFolder struct {
	node *fsNode
	path string
	next int
}

// Stat implements fs.File.
func (f *openFolder) Stat() (fs.FileInfo, error) { return f.node, nil }

// Close implements fs.File.
func (f *openFolder) Close() error { return nil }

// Read implements fs.File; a folder has no content.
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrInvalid}
}

// ReadDir implements fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.node.entries()[f.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && len(rest) > n {
		rest = rest[:n]
	}
	f.next += len(rest)
	return rest, nil
}
