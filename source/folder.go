package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// loadedTree is a tree, or why there is none.
type loadedTree struct {
	tree *repo.Tree
	err  error
}

// folder reads a folder outside of the repository once; positions in it show
// the name of the source object.
func (s *Set) folder(p string, ref finding.Ref) (*repo.Tree, error) {
	t := s.shared.trees.do(p+"\x00"+ref.String(), func() loadedTree {
		tree, err := ownTree(p)
		if err != nil {
			return loadedTree{err: err}
		}
		return loadedTree{tree: tree.Label(ref.String())}
	})
	return t.tree, t.err
}

// ownTree reads a folder as a repository of its own. In a folder that is part
// of another git work tree, what that one tracks or ignores says nothing.
func ownTree(p string) (*repo.Tree, error) {
	if _, err := os.Lstat(filepath.Join(p, ".git")); err == nil {
		return repo.Folder(p)
	}
	content, exec := map[string]string{}, map[string]bool{}
	err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(p, name)
		if err != nil {
			return err
		}
		content[filepath.ToSlash(rel)] = string(data)
		exec[filepath.ToSlash(rel)] = info.Mode().Perm()&0o111 != 0
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	tree := repo.FromFiles(content)
	for _, f := range tree.Files() {
		if exec[f.Path] {
			f.Mode |= 0o111
		}
	}
	return tree, nil
}
