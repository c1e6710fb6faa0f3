package kustomize

import (
	"path/filepath"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlay is a file system with some files replaced in memory. The disk below
// is only ever read.
type overlay struct {
	filesys.FileSystem
	files map[string][]byte // by absolute path
}

// ReadFile reads the replacement if there is one.
func (o overlay) ReadFile(name string) ([]byte, error) {
	if data, ok := o.files[filepath.Clean(name)]; ok {
		return data, nil
	}
	return o.FileSystem.ReadFile(name)
}

// Exists knows replacements too.
func (o overlay) Exists(name string) bool {
	_, ok := o.files[filepath.Clean(name)]
	return ok || o.FileSystem.Exists(name)
}

// WriteFile writes to memory.
func (o overlay) WriteFile(name string, data []byte) error {
	o.files[filepath.Clean(name)] = data
	return nil
}

// Create refuses: nothing that builds creates a file.
func (overlay) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir refuses.
func (overlay) Mkdir(string) error { return errReadOnly }

// MkdirAll refuses.
func (overlay) MkdirAll(string) error { return errReadOnly }

// RemoveAll refuses.
func (overlay) RemoveAll(string) error { return errReadOnly }
