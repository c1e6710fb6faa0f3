package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func init() { register("OCIRepository", ociRepository{}) }

// ociRepository resolves OCIRepository objects from the source map. What the
// map holds stands for the layer that the object selects.
type ociRepository struct{}

// Resolve implements Resolver.
func (ociRepository) Resolve(_ context.Context, s *Set, obj *unstructured.Unstructured, get Getter) (Artifact, *Failure) {
	if refOf(obj) == s.Self {
		return s.selfOCI(obj)
	}
	if f := ociURL(obj); f != nil {
		return Artifact{}, f
	}
	kind, want := refIn(obj).ociWant()
	if s.Map.without("OCIRepository", obj, text(obj, "spec", "url")) {
		return Artifact{}, noSuchName(obj, kind, want)
	}
	filter, f := tagFilter(obj)
	if f == nil {
		f = tagRange(obj)
	}
	if f != nil {
		return Artifact{}, f
	}
	found := s.Map.oci(obj, filter)
	if found.row == nil && found.closed {
		return Artifact{}, noSuchTag(obj, kind, want)
	}
	if found.row == nil || found.row.Path == "" {
		return Artifact{}, notLocal(obj, absence{what: fmt.Sprintf("%s %q", kind, want), extra: [][2]string{{"ref", "{" + kind + ": " + want + "}"}}})
	}
	if f := layerType(obj, found.row); f != nil {
		return Artifact{}, f
	}
	a, err := s.layer(obj, found.row)
	if err != nil {
		return Artifact{}, unreadable(obj, fmt.Sprintf("%q", found.row.Path), err)
	}
	digest := found.row.Digest
	if digest == "" {
		digest, err = s.manifest(obj, found.row)
	}
	if err != nil {
		return Artifact{}, unreadable(obj, fmt.Sprintf("%q", found.row.Path), err)
	}
	a.Revision = digest
	if kind != refDigest {
		a.Revision = found.version + "@" + digest
	} else if strings.HasPrefix(want, "sha256:") {
		a.Revision = want
	}
	if c := found.row.Commit; c != "" && a.Blob == nil {
		a.OriginRevision = c
	}
	return a, nil
}

// selfOCI is this repository, pushed as an OCI artifact.
func (s *Set) selfOCI(obj *unstructured.Unstructured) (Artifact, *Failure) {
	c, f := s.self(obj)
	if f != nil {
		return Artifact{}, f
	}
	b := s.extracted(contentKey(c.tree, obj, []string{"oci"}), treeNodes(c.tree), text(obj, "spec", "ignore"))
	if b.err != nil {
		return Artifact{}, unreadable(obj, "the repository", b.err)
	}
	kind, want := refIn(obj).ociWant()
	a := Artifact{Revision: want + "@" + b.digest, Digest: b.digest, Files: b.files, Folders: b.folders}
	if kind == refDigest {
		a.Revision = want
	}
	a.OriginRevision = refIn(obj).gitRevision(c.commit, "")
	if branch := c.tree.Branch(); branch != "" {
		a.OriginRevision = branch + "@sha1:" + c.commit
	}
	return a, nil
}

func (s *Set) extracted(key string, nodes []node, ignore string) built {
	return s.shared.contents.do(key, func() built { return filtered(nodes, ignore) })
}

// layer is the layer at the path of a row, extracted through the ignore rules
// or, with operation copy, verbatim.
func (s *Set) layer(obj *unstructured.Unstructured, r *row) (Artifact, error) {
	info, err := os.Stat(r.Path)
	if err != nil {
		return Artifact{}, err
	}
	verbatim := text(obj, "spec", "layerSelector", "operation") == "copy"
	key := fmt.Sprintf("layer %t %q %q %q", verbatim, r.Path, text(obj, "spec", "ignore"), refOf(obj))
	if info.IsDir() {
		tree, err := s.folder(r.Path, refOf(obj))
		if err != nil {
			return Artifact{}, err
		}
		if !verbatim {
			b := s.extracted(key, treeNodes(tree), text(obj, "spec", "ignore"))
			return Artifact{Digest: b.digest, Files: b.files, Folders: b.folders}, b.err
		}
		b := s.shared.contents.do(key, func() built { return packed(r.Path, treeNodes(tree)) })
		return Artifact{Digest: b.digest, Blob: b.blob}, b.err
	}
	b := s.shared.contents.do(key, func() built {
		blob, err := os.ReadFile(r.Path)
		if err != nil || verbatim {
			return built{blob: blob, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), err: err}
		}
		files, err := unpack(blob)
		if err != nil {
			return built{err: err}
		}
		return filtered(fileNodes(files, refOf(obj)), text(obj, "spec", "ignore"))
	})
	return Artifact{Digest: b.digest, Files: b.files, Folders: b.folders, Blob: b.blob}, b.err
}

// manifest is the digest of what is at the path of a row, whatever an object
// selects of it. It stands for the digest of the manifest, which the map does not know.
func (s *Set) manifest(obj *unstructured.Unstructured, r *row) (string, error) {
	info, err := os.Stat(r.Path)
	if err != nil {
		return "", err
	}
	b := s.shared.contents.do("manifest "+r.Path, func() built {
		if !info.IsDir() {
			blob, err := os.ReadFile(r.Path)
			return built{digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), err: err}
		}
		tree, err := s.folder(r.Path, refOf(obj))
		if err != nil {
			return built{err: err}
		}
		return built{digest: load(treeNodes(tree)).digest}
	})
	return b.digest, b.err
}

// packed is a folder as the archive that a registry would hold of it: a chart
// in a folder of its name, everything else as it is.
func packed(dir string, nodes []node) built {
	b := load(nodes)
	if b.err != nil {
		return b
	}
	name := ""
	if slices.ContainsFunc(nodes, func(n node) bool { return n.path == "Chart.yaml" }) {
		name = filepath.Base(dir)
	}
	blob, err := Pack(name, b.files)
	return built{blob: blob, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), err: err}
}

// ociVersion reads the tag of a chart as a version; a tag cannot hold "+", so charts write "_".
func ociVersion(tag string) string { return strings.ReplaceAll(tag, "_", "+") }
