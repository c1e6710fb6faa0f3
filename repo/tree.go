package repo

import (
	"cmp"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Tree is the content of a repository at one moment. It is immutable and safe
// for concurrent readers; content is read and parsed once, when first asked for.
type Tree struct {
	files    []*File
	byPath   map[string]*File
	folders  map[string][]*File // regular files by the folder that holds them
	children map[string][]string
	problems []finding.Problem
	origin   origin
}

// origin says where a Tree comes from in git.
type origin struct {
	commit  string
	subject string // first line of the commit's message
	branch  string
	prefix  string
	remotes []string
}

// FromFiles returns a Tree of regular files with the given content by path.
func FromFiles(content map[string]string) *Tree {
	files := make([]*File, 0, len(content))
	for name, text := range content {
		files = append(files, memoryFile(name, []byte(text)))
	}
	return newTree(files, nil, origin{})
}

func newTree(files []*File, problems []finding.Problem, from origin) *Tree {
	slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	t := &Tree{
		files:    files,
		byPath:   make(map[string]*File, len(files)),
		folders:  map[string][]*File{},
		children: map[string][]string{},
		problems: problems,
		origin:   from,
	}
	known := map[string]bool{".": true}
	for _, f := range files {
		t.byPath[f.Path] = f
		if f.Mode&fs.ModeType == 0 {
			t.folders[path.Dir(f.Path)] = append(t.folders[path.Dir(f.Path)], f)
		}
		t.addFolder(path.Dir(f.Path), known)
	}
	for _, names := range t.children {
		slices.Sort(names)
	}
	for _, f := range files {
		f.chart = f.chart || t.chartTemplate(f.Path)
	}
	return t
}

func (t *Tree) addFolder(dir string, known map[string]bool) {
	for !known[dir] {
		known[dir] = true
		parent := path.Dir(dir)
		t.children[parent] = append(t.children[parent], dir)
		dir = parent
	}
}

// chartTemplate reports whether name lies in the templates folder of a Helm chart.
func (t *Tree) chartTemplate(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "templates" && t.byPath[path.Join(path.Dir(dir), "Chart.yaml")] != nil {
			return true
		}
	}
	return false
}

// Files returns every file, symbolic link and unreadable entry, sorted by path.
func (t *Tree) Files() []*File { return slices.Clone(t.files) }

// File returns the file at a slash-separated path, nil when there is none.
func (t *Tree) File(name string) *File { return t.byPath[path.Clean(name)] }

// IsFolder reports whether some file lies below the folder; "." always is one.
func (t *Tree) IsFolder(dir string) bool {
	dir = path.Clean(dir)
	return dir == "." || len(t.folders[dir]) > 0 || len(t.children[dir]) > 0 || t.hasOnlyLinks(dir)
}

// hasOnlyLinks covers a folder that holds nothing but links or unreadable entries.
func (t *Tree) hasOnlyLinks(dir string) bool {
	return slices.Contains(t.children[path.Dir(dir)], dir)
}

// Commit returns the full hash of the commit that the tree is, or that the
// folder has checked out; "" without git.
func (t *Tree) Commit() string { return t.origin.commit }

// Subject returns the first line of the message of the commit, "" without git.
func (t *Tree) Subject() string { return t.origin.subject }

// Branch returns the short name of the branch, "" when none is known.
func (t *Tree) Branch() string { return t.origin.branch }

// Prefix returns the folder of the git repository that the tree starts at, ""
// for the root of the repository or without git.
func (t *Tree) Prefix() string { return t.origin.prefix }

// Remotes returns the URLs of the git remotes without credentials, that of
// origin first, the others by name of the remote.
func (t *Tree) Remotes() []string { return slices.Clone(t.origin.remotes) }

// Label returns a copy of the tree whose positions show "name:" before the
// path, for a tree that is not the user's own repository.
func (t *Tree) Label(name string) *Tree {
	files := make([]*File, len(t.files))
	for i, f := range t.files {
		files[i] = f.copyAs(name + ":" + f.Path)
	}
	problems := slices.Clone(t.problems)
	for i := range problems {
		problems[i].Pos.File = name + ":" + problems[i].Pos.File
	}
	return newTree(files, problems, t.origin)
}

// Overlay returns a tree in which the given paths have the given content.
// Positions in such a file name the file only: its lines are not the user's.
func (t *Tree) Overlay(content map[string][]byte) *Tree {
	files := make([]*File, 0, len(t.files)+len(content))
	for _, f := range t.files {
		if _, replaced := content[f.Path]; !replaced {
			files = append(files, f)
		}
	}
	for name, data := range content {
		f := memoryFile(path.Clean(name), data)
		f.virtual = true
		if old := t.byPath[f.Path]; old != nil {
			f.display = old.display
		}
		files = append(files, f)
	}
	return newTree(files, t.problems, t.origin)
}

// Documents returns the documents of all YAML and JSON files, by path and
// place in the file.
func (t *Tree) Documents() []*Document {
	t.parse(t.files)
	var docs []*Document
	for _, f := range t.files {
		docs = append(docs, f.Documents()...)
	}
	return docs
}

// Problems returns what is wrong with the files themselves, sorted by place.
func (t *Tree) Problems() []finding.Problem {
	t.parse(t.files)
	problems := slices.Clone(t.problems)
	for _, f := range t.files {
		problems = append(problems, f.Problems()...)
	}
	slices.SortStableFunc(problems, func(a, b finding.Problem) int { return a.Pos.Compare(b.Pos) })
	return problems
}

func (t *Tree) parse(files []*File) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range files {
		if f.isYAML() {
			group.Go(func() error { f.parse(); return nil })
		}
	}
	_ = group.Wait() // no function of the group returns an error
}

// below reports whether name is dir or lies in it.
func below(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}
