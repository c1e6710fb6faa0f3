package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxUnpacked bounds what an archive may unpack to, in bytes.
const maxUnpacked = 256 << 20

// Digest is the digest of the archive that source-controller would store for
// the files: a gzip-compressed tar of the folders and files in the order of a
// walk, with modes 0600, 0700 and 0750 and without owners and times. It is
// computed in memory; equal files and empty folders have an equal digest.
func Digest(files []File, folders ...string) (string, error) {
	h := sha256.New()
	if err := pack(h, newFileSystem(files, folders...), ""); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), nil
}

// pack writes the file system as an archive whose paths start with prefix.
func pack(w io.Writer, files fs.FS, prefix string) error {
	gw := gzip.NewWriter(w)
	tw := tar.NewWriter(gw)
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(prefix, p), Mode: int64(info.Mode().Perm()), Size: info.Size()}
		if d.IsDir() {
			header.Typeflag = tar.TypeDir
		}
		if err := tw.WriteHeader(header); err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		_, err = tw.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return errors.Join(tw.Close(), gw.Close())
}

// Pack returns a chart folder, its files with paths relative to it, as a chart
// archive whose top folder is name.
func Pack(name string, files []File) ([]byte, error) {
	var b bytes.Buffer
	// Helm reads no folder entries; the root of the walk would be an entry for the top folder only.
	if err := pack(&b, newFileSystem(files), name); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// unpack reads a gzip-compressed tar archive. Links and special files are left
// out; a path that leaves the archive is an error.
func unpack(blob []byte) ([]File, error) {
	gr, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	defer gr.Close()
	limited := &io.LimitedReader{R: gr, N: maxUnpacked}
	tr := tar.NewReader(limited)
	found := map[string]File{}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if limited.N <= 0 {
				return nil, fmt.Errorf("the archive unpacks to more than %d bytes", maxUnpacked)
			}
			return nil, fmt.Errorf("read tar: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		p, err := archivePath(h.Name)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("read tar entry %q: %w", h.Name, err)
		}
		found[p] = File{Path: p, Exec: h.FileInfo().Mode().Perm()&0o111 != 0, Data: data}
	}
	files := make([]File, 0, len(found))
	for _, f := range found {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

func archivePath(name string) (string, error) {
	p := path.Clean(strings.TrimPrefix(name, "/"))
	if strings.HasPrefix(name, "/") || !fs.ValidPath(p) || p == "." {
		return "", fmt.Errorf("the archive holds the invalid path %q", name)
	}
	return p, nil
}

// isArchive reports whether the name is one of a gzip-compressed tar archive.
func isArchive(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, ".tar.gz") || strings.HasSuffix(lower, ".tgz")
}
