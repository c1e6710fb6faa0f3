package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func init() { register("Bucket", bucket{}) }

// bucket resolves Bucket objects from a folder of the source map. Keys are kept
// whole below the root of the artifact.
type bucket struct{}

// Resolve implements Resolver.
func (bucket) Resolve(_ context.Context, s *Set, obj *unstructured.Unstructured, _ Getter) (Artifact, *Failure) {
	if refOf(obj) == s.Self {
		b := s.shared.contents.do(contentKey(s.Tree, obj, []string{"bucket"}), func() built {
			return bucketContent(treeNodes(s.Tree), obj)
		})
		return bucketArtifact(obj, "the repository", b)
	}
	url := text(obj, "spec", "endpoint") + "/" + text(obj, "spec", "bucketName")
	for _, r := range s.Map.rowsOf("Bucket", obj, url) {
		if r.Path == "" {
			continue
		}
		key := fmt.Sprintf("bucket %q %q %q %q", r.Path, text(obj, "spec", "ignore"), text(obj, "spec", "prefix"), refOf(obj))
		b := s.shared.contents.do(key, func() built {
			nodes, err := s.stored(obj, r)
			if err != nil {
				return built{err: err}
			}
			return bucketContent(nodes, obj)
		})
		return bucketArtifact(obj, fmt.Sprintf("%q", r.Path), b)
	}
	return Artifact{}, notLocal(obj, absence{})
}

func bucketArtifact(obj *unstructured.Unstructured, what string, b built) (Artifact, *Failure) {
	if b.err != nil {
		return Artifact{}, unreadable(obj, what, b.err)
	}
	var index strings.Builder
	for _, f := range b.files {
		fmt.Fprintf(&index, "%s %x\n", f.Path, sha256.Sum256(f.Data))
	}
	revision := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(index.String())))
	return Artifact{Revision: revision, Digest: b.digest, Files: b.files}, nil
}

// stored are the files at the path of a row: a folder, or an archive.
func (s *Set) stored(obj *unstructured.Unstructured, r *row) ([]node, error) {
	info, err := os.Stat(r.Path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		tree, err := s.folder(r.Path, refOf(obj))
		if err != nil {
			return nil, err
		}
		return treeNodes(tree), nil
	}
	blob, err := os.ReadFile(r.Path)
	if err != nil {
		return nil, err
	}
	files, err := unpack(blob)
	if err != nil {
		return nil, err
	}
	return fileNodes(files, refOf(obj)), nil
}

// bucketContent applies what a bucket ignores: the .sourceignore at its root
// and spec.ignore; it has no default excludes.
func bucketContent(nodes []node, obj *unstructured.Unstructured) built {
	var rules bytes.Buffer
	for _, n := range nodes {
		if n.path != sourceignore.IgnoreFile {
			continue
		}
		data, err := n.bytes()
		if err != nil {
			return built{err: err}
		}
		rules.Write(data)
		rules.WriteByte('\n')
	}
	rules.WriteString(text(obj, "spec", "ignore"))
	m := sourceignore.NewMatcher(sourceignore.ReadPatterns(&rules, nil))
	prefix := text(obj, "spec", "prefix")
	var keep []node
	for _, n := range kept(nodes, m) {
		if strings.HasPrefix(n.path, prefix) || n.path == sourceignore.IgnoreFile {
			keep = append(keep, n)
		}
	}
	return load(keep)
}
