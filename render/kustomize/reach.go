package kustomize

import (
	"os"
	"path/filepath"
	"strings"

	securefs "github.com/fluxcd/pkg/kustomize/filesys"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// reach is the file system of an artifact and of the git repositories that its
// kustomization files take bases from. A path belongs to one of them, and a
// link in one never leads to another.
type reach struct {
	filesys.FileSystem
	others map[string]filesys.FileSystem // by root
}

// open makes the folder of a repository readable.
func (r reach) open(root string) error {
	if r.others[root] != nil {
		return nil
	}
	fs, err := securefs.MakeFsOnDiskSecure(root)
	if err == nil {
		r.others[root] = fs
	}
	return err
}

func (r reach) of(name string) filesys.FileSystem {
	name = filepath.Clean(name)
	for root, fs := range r.others {
		if name == root || strings.HasPrefix(name, root+string(filepath.Separator)) {
			return fs
		}
	}
	return r.FileSystem
}

// IsDir asks the file system that the path belongs to.
func (r reach) IsDir(name string) bool { return r.of(name).IsDir(name) }

// ReadDir asks the file system that the path belongs to.
func (r reach) ReadDir(name string) ([]string, error) { return r.of(name).ReadDir(name) }

// CleanedAbs asks the file system that the path belongs to.
func (r reach) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	return r.of(name).CleanedAbs(name)
}

// Exists asks the file system that the path belongs to.
func (r reach) Exists(name string) bool { return r.of(name).Exists(name) }

// Glob asks the file system that the pattern belongs to.
func (r reach) Glob(pattern string) ([]string, error) { return r.of(pattern).Glob(pattern) }

// ReadFile asks the file system that the path belongs to.
func (r reach) ReadFile(name string) ([]byte, error) { return r.of(name).ReadFile(name) }

// Open asks the file system that the path belongs to.
func (r reach) Open(name string) (filesys.File, error) { return r.of(name).Open(name) }

// Walk walks the file system that the path belongs to.
func (r reach) Walk(name string, f filepath.WalkFunc) error { return r.of(name).Walk(name, f) }

// base returns the path from a folder to a base in a git repository that is at
// hand, and makes the repository readable.
func (g *guard) base(dir, address string) (string, bool) {
	b, ok := gitBaseOf(address)
	if !ok || g.git == nil {
		return "", false
	}
	found, ok := g.git(b.URL, b.Ref)
	if !ok {
		return "", false
	}
	root, err := filepath.EvalSymlinks(found)
	if err != nil {
		return "", false
	}
	folder := filepath.Join(root, filepath.FromSlash(b.Path))
	if info, err := os.Stat(folder); err != nil || !info.IsDir() || g.reach.open(root) != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, folder)
	return filepath.ToSlash(rel), err == nil
}
