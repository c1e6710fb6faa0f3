package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
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
	url := text(obj, "spec", "url")
	if !strings.HasPrefix(url, "oci://") {
		f := refusal(obj, ReasonURL, "URLInvalid", fmt.Sprintf("URL validation failed for '%s': URL must be in format 'oci://<domain>/<org>/<repo>'", url))
		return Artifact{}, f.at("/spec/url", "write the URL as oci://HOST/PATH")
	}
	filter, f := tagFilter(obj)
	if f != nil {
		return Artifact{}, f
	}
	found := s.Map.oci(obj, filter)
	kind, want := refIn(obj).ociWant()
	if found.row == nil && found.closed {
		return Artifact{}, noSuchTag(obj, kind, want)
	}
	if found.row == nil || found.row.Path == "" {
		return Artifact{}, notLocal(obj, absence{what: fmt.Sprintf("%s %q", kind, want), extra: [][2]string{{"ref", "{" + kind + ": " + want + "}"}}})
	}
	a, err := s.layer(obj, found.row)
	if err != nil {
		return Artifact{}, unreadable(obj, fmt.Sprintf("%q", found.row.Path), err)
	}
	digest := found.row.Digest
	if digest == "" {
		digest = a.Digest
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
	a := Artifact{Revision: want + "@" + b.digest, Digest: b.digest, Files: b.files}
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
	return s.shared.contents.do(key, func() built {
		keep, err := filtered(nodes, ignore)
		if err != nil {
			return built{err: err}
		}
		return load(keep)
	})
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
			return Artifact{Digest: b.digest, Files: b.files}, b.err
		}
		b := s.shared.contents.do(key, func() built { return packed(filepath.Base(r.Path), treeNodes(tree)) })
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
		keep, err := filtered(fileNodes(files, refOf(obj)), text(obj, "spec", "ignore"))
		if err != nil {
			return built{err: err}
		}
		return load(keep)
	})
	return Artifact{Digest: b.digest, Files: b.files, Blob: b.blob}, b.err
}

// packed is a folder as the archive that a registry would hold of it.
func packed(name string, nodes []node) built {
	b := load(nodes)
	if b.err != nil {
		return b
	}
	blob, err := Pack(name, b.files)
	return built{blob: blob, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), err: err}
}

// tagFilter compiles spec.ref.semverFilter.
func tagFilter(obj *unstructured.Unstructured) (func(string) bool, *Failure) {
	pattern := text(obj, "spec", "ref", "semverFilter")
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		f := refusal(obj, ReasonRef, "ReadOperationFailed", fmt.Sprintf(
			"failed to determine the artifact tag for '%s': %s", text(obj, "spec", "url"), err))
		return nil, f.at("/spec/ref/semverFilter", "correct the regular expression")
	}
	return re.MatchString, nil
}

// noSuchTag is what the controller reports for a tag or range that the registry has not.
func noSuchTag(obj *unstructured.Unstructured, kind, want string) *Failure {
	url := text(obj, "spec", "url")
	if kind == refSemver {
		f := refusal(obj, ReasonRef, "ReadOperationFailed",
			fmt.Sprintf("failed to determine the artifact tag for '%s': no match found for semver: %s", url, want))
		return f.at("/spec/ref/semver", "")
	}
	scheme := "https"
	if insecure, _, _ := unstructured.NestedBool(obj.Object, "spec", "insecure"); insecure {
		scheme = "http"
	}
	host, name, _ := strings.Cut(strings.TrimPrefix(url, "oci://"), "/")
	f := refusal(obj, ReasonRef, "OCIArtifactPullFailed", fmt.Sprintf(
		"failed to determine artifact digest: GET %s://%s/v2/%s/manifests/%s: MANIFEST_UNKNOWN: Unknown manifest", scheme, host, name, want))
	if kind == refDigest {
		f.Message = strings.Replace(f.Message, "determine artifact digest", fmt.Sprintf("pull artifact from '%s'", url), 1)
	}
	return f.at(finding.Pointer("spec", "ref", kind), "")
}

// ociVersion reads a tag as a version; a tag cannot hold "+", so charts write "_".
func ociVersion(tag string) string { return strings.ReplaceAll(tag, "_", "+") }
