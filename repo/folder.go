package repo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Folder reads a folder on disk, with or without git. Inside a git work tree,
// what git neither tracks nor would add (.gitignore) is left out, as are nested
// repositories; .git itself always is. Symbolic links are kept and not followed.
func Folder(dir string) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("read %s: it is no folder", dir)
	}
	w := folderWalk{root: abs}
	var from origin
	switch g, err := findGit(abs); {
	case errors.Is(err, errNoGit):
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", dir, err)
	default:
		w.git = true
		w.prefix = g.prefix(abs)
		w.parentPatterns(g)
		if r, err := g.open(); err == nil {
			from = g.origin(r, abs)
			w.tracked(r)
		} else {
			from.prefix = w.prefix
		}
	}
	if err := w.folder(".", w.patterns); err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return newTree(w.files, w.problems, from), nil
}

// folderWalk lists the files of a folder on disk.
type folderWalk struct {
	root     string
	git      bool
	prefix   string              // of root in the work tree
	patterns []gitignore.Pattern // of the folders above root
	index    map[string]bool     // tracked files and the folders that hold them, relative to root
	files    []*File
	problems []finding.Problem
}

// parentPatterns collects the ignore patterns that hold in the root of the walk.
func (w *folderWalk) parentPatterns(g gitDir) {
	if data, err := os.ReadFile(filepath.Join(g.common, "info", "exclude")); err == nil {
		w.patterns = append(w.patterns, patterns(data, nil)...)
	}
	if w.prefix == "" {
		return
	}
	var above []string
	for _, name := range strings.Split(w.prefix, "/") {
		file := filepath.Join(g.top, filepath.Join(above...), ".gitignore")
		if data, err := os.ReadFile(file); err == nil {
			w.patterns = append(w.patterns, patterns(data, above)...)
		}
		above = append(above, name)
	}
}

func (w *folderWalk) tracked(r *git.Repository) {
	index, err := r.Storer.Index()
	if err != nil {
		return // an index of a newer format: the ignore patterns alone decide
	}
	w.index = map[string]bool{}
	for _, entry := range index.Entries {
		name := entry.Name
		if w.prefix != "" {
			var inside bool
			if name, inside = strings.CutPrefix(name, w.prefix+"/"); !inside {
				continue
			}
		}
		for ; name != "." && !w.index[name]; name = path.Dir(name) {
			w.index[name] = true
		}
	}
}

func patterns(data []byte, domain []string) []gitignore.Pattern {
	var all []gitignore.Pattern
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		all = append(all, gitignore.ParsePattern(line, slices.Clone(domain)))
	}
	return all
}

func (w *folderWalk) folder(dir string, inherited []gitignore.Pattern) error {
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(dir)))
	if err != nil {
		if dir == "." {
			return err
		}
		w.problems = append(w.problems, unreadable(dir, err))
		return nil
	}
	var match gitignore.Matcher
	if w.git {
		if i := slices.IndexFunc(entries, isIgnoreFile); i >= 0 {
			if data, err := w.content(path.Join(dir, ".gitignore")); err == nil {
				inherited = append(slices.Clip(inherited), patterns(data, w.components(dir))...)
			}
		}
		match = gitignore.NewMatcher(inherited)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if strings.EqualFold(entry.Name(), git.GitDirName) {
			continue
		}
		if match != nil && !w.index[name] && match.Match(w.components(name), entry.IsDir()) {
			continue
		}
		if err := w.entry(name, entry, inherited); err != nil {
			return err
		}
	}
	return nil
}

func isIgnoreFile(e fs.DirEntry) bool { return e.Name() == ".gitignore" && e.Type().IsRegular() }

// components returns the names on the way from the top of the work tree.
func (w *folderWalk) components(name string) []string {
	if full := path.Join(w.prefix, name); full != "." {
		return strings.Split(full, "/")
	}
	return nil
}

func (w *folderWalk) entry(name string, entry fs.DirEntry, inherited []gitignore.Pattern) error {
	if entry.IsDir() {
		if w.git && w.nested(name) {
			return nil
		}
		return w.folder(name, inherited)
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed while the folder is read
	}
	if err != nil {
		w.problems = append(w.problems, unreadable(name, err))
		return nil
	}
	if len(w.files) == maxFiles {
		return fmt.Errorf("it has more than %d files", maxFiles)
	}
	f := &File{Path: name, display: name, Mode: info.Mode()}
	f.size = func() (int64, error) { return info.Size(), nil }
	f.read = sync.OnceValues(func() ([]byte, error) { return w.content(name) })
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if f.Link, err = os.Readlink(filepath.Join(w.root, filepath.FromSlash(name))); err != nil {
			w.problems = append(w.problems, unreadable(name, err))
		}
	case !info.Mode().IsRegular():
		w.problems = append(w.problems, unreadable(name, errNotRegular))
		f.Mode |= fs.ModeIrregular
		f.read = func() ([]byte, error) { return nil, errNotRegular }
	}
	w.files = append(w.files, f)
	return nil
}

// nested reports whether the folder is a repository of its own: a submodule or
// a clone, whose files are not part of this one.
func (w *folderWalk) nested(dir string) bool {
	_, err := os.Lstat(filepath.Join(w.root, filepath.FromSlash(dir), git.GitDirName))
	return err == nil
}

// content reads a regular file without leaving the folder, whatever has become
// of the path since it was listed.
func (w *folderWalk) content(name string) ([]byte, error) {
	root, err := os.OpenRoot(w.root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return io.ReadAll(f)
}
