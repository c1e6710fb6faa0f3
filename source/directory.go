package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Dir writes the artifact to disk under Workdir, once per digest, and returns
// its folder. The folder must not be changed. A blob is unpacked, as the
// consumers of an artifact unpack what they fetch.
func (s *Set) Dir(a Artifact) (string, error) {
	if s.Workdir == "" {
		return "", errors.New("no work folder is set")
	}
	digest := a.Digest
	if digest == "" {
		d, err := artifactDigest(a)
		if err != nil {
			return "", err
		}
		digest = d
	}
	w := s.shared.dirs.do(digest, func() folder {
		p, err := s.write(a, digest)
		return folder{path: p, err: err}
	})
	return w.path, w.err
}

// folder is a folder on disk, or why there is none.
type folder struct {
	path string
	err  error
}

func artifactDigest(a Artifact) (string, error) {
	if a.Blob != nil {
		return fmt.Sprintf("sha256:%x", sha256.Sum256(a.Blob)), nil
	}
	return Digest(a.Files, a.Folders...)
}

// write materialises the artifact beside its final place and moves it there
// whole, so that a folder of that name is always complete.
func (s *Set) write(a Artifact, digest string) (string, error) {
	name := strings.TrimPrefix(digest, "sha256:")
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("%q is not a digest", digest)
	}
	final := filepath.Join(s.Workdir, name)
	if info, err := os.Stat(final); err == nil && info.IsDir() {
		return final, nil
	}
	files := a.Files
	if a.Blob != nil {
		var err error
		if files, err = unpack(a.Blob); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(s.Workdir, 0o755); err != nil {
		return "", fmt.Errorf("create the work folder: %w", err)
	}
	tmp, err := os.MkdirTemp(s.Workdir, ".artifact-")
	if err != nil {
		return "", fmt.Errorf("create the work folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := writeFiles(tmp, files, a.Folders...); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, final); err != nil {
		// Another process may have been first with the same content.
		if info, statErr := os.Stat(final); statErr == nil && info.IsDir() {
			return final, nil
		}
		return "", fmt.Errorf("move the artifact in place: %w", err)
	}
	return final, nil
}

func writeFiles(dir string, files []File, folders ...string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("write artifact: %w", err)
	}
	for _, f := range folders {
		if !fs.ValidPath(f) {
			return fmt.Errorf("write artifact: %q is not a valid path", f)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(f)), 0o755); err != nil {
			return fmt.Errorf("write artifact: %w", err)
		}
	}
	for _, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return fmt.Errorf("write artifact: %q is not a valid path", f.Path)
		}
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return fmt.Errorf("write artifact: %w", err)
		}
		mode := os.FileMode(0o600)
		if f.Exec {
			mode = 0o700
		}
		if err := os.WriteFile(p, f.Data, mode); err != nil {
			return fmt.Errorf("write artifact: %w", err)
		}
	}
	return nil
}
