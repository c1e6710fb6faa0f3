package source

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

func init() { register("GitRepository", gitRepository{}) }

// gitRepository resolves GitRepository objects as source-controller does:
// check out, sparse folders, includes, ignore rules, archive.
type gitRepository struct{}

// checkout is a tree at a revision.
type checkout struct {
	tree   *repo.Tree
	commit string
	tag    string // that a version range resolves to
}

// Resolve implements Resolver.
func (gitRepository) Resolve(ctx context.Context, s *Set, obj *unstructured.Unstructured, get Getter) (Artifact, *Failure) {
	if text(obj, "spec", "url") == "" && refOf(obj) != s.Self {
		f := refusal(obj, ReasonURL, "AuthenticationFailed", "failed to configure authentication options: no transport type set")
		return Artifact{}, f.at("/spec/url", "set spec.url")
	}
	c, f := s.checkout(ctx, obj, get)
	if f != nil {
		return Artifact{}, f
	}
	nodes, f := gitNodes(obj, treeNodes(c.tree))
	if f != nil {
		return Artifact{}, f
	}
	nodes, digests, f := s.included(ctx, obj, get, nodes)
	if f != nil {
		return Artifact{}, f
	}
	ignore := text(obj, "spec", "ignore")
	b := s.shared.contents.do(contentKey(c.tree, obj, digests), func() built { return filtered(nodes, ignore) })
	if b.err != nil {
		return Artifact{}, unreadable(obj, "the content", b.err)
	}
	return Artifact{Revision: refIn(obj).gitRevision(c.commit, c.tag), Subject: c.tree.Subject(), Digest: b.digest, Files: b.files, Folders: b.folders}, nil
}

// contentKey identifies the content that a spec makes of a tree.
func contentKey(t *repo.Tree, obj *unstructured.Unstructured, includes []string) string {
	spec, _, _ := unstructured.NestedFieldNoCopy(obj.Object, "spec")
	fields, _ := spec.(map[string]any)
	part := map[string]any{"includes": includes}
	for _, k := range []string{"ignore", "sparseCheckout", "recurseSubmodules", "include"} {
		part[k] = fields[k]
	}
	data, err := json.Marshal(part)
	if err != nil {
		return fmt.Sprintf("git %p %v", t, part)
	}
	return fmt.Sprintf("git %p %s", t, data)
}

// checkout finds the content of the repository at the wanted revision: this
// repository, the source map, or another branch of the local clone.
func (s *Set) checkout(ctx context.Context, obj *unstructured.Unstructured, get Getter) (checkout, *Failure) {
	if s.isSelf(obj, get) {
		return s.self(obj)
	}
	found := s.Map.git(obj)
	if r := found.row; r != nil && r.Path != "" {
		if s.isOwnFolder(r.Path) {
			return s.self(obj)
		}
		return s.mapped(obj, found)
	}
	if s.knownURL(text(obj, "spec", "url"), get) {
		if c, ok := s.branch(ctx, obj); ok {
			return c, nil
		}
	}
	kind, want := refIn(obj).gitWant()
	if found.closed && found.row == nil {
		return checkout{}, noSuchRef(obj, kind, want)
	}
	if url := text(obj, "spec", "url"); s.Map.without("GitRepository", obj, url) {
		f := refusal(obj, ReasonURL, gitFailed, fmt.Sprintf("failed to checkout and determine revision: unable to clone '%s': repository not found: ", url))
		return checkout{}, f.at("/spec/url", "")
	}
	f := notLocal(obj, absence{what: fmt.Sprintf("%s %q", kind, want), extra: [][2]string{{"ref", "{" + kind + ": " + want + "}"}}})
	return checkout{}, f
}

// gitFailed is the condition reason of a repository that cannot be checked out.
const gitFailed = "GitOperationFailed"

// noSuchRef is what the controller reports for a reference that the repository has not.
func noSuchRef(obj *unstructured.Unstructured, kind, want string) *Failure {
	cause := ""
	switch name := refIn(obj).Name; {
	case kind == refSemver:
		cause = "no match found for semver: " + want
		if _, err := semver.NewConstraint(want); err != nil {
			cause = "semver parse error: " + err.Error()
		}
	case kind == refCommit:
		cause = fmt.Sprintf("unable to resolve commit object for '%s': object not found", want)
	case name != "":
		cause, kind = fmt.Sprintf("unable to resolve ref '%s' to a specific commit", name), refName
	default:
		full := want
		if kind == refBranch {
			full = "refs/heads/" + want
		} else if kind == refTag {
			full = "refs/tags/" + want
		}
		cause = fmt.Sprintf("unable to clone '%s': couldn't find remote ref %q", text(obj, "spec", "url"), full)
	}
	f := refusal(obj, ReasonRef, gitFailed, "failed to checkout and determine revision: "+cause)
	if refIn(obj) == (gitRef{}) {
		return f.at("/spec/ref", "set spec.ref.branch: without spec.ref the branch is master")
	}
	return f.at("/spec/ref/"+kind, "")
}

// isSelf reports whether the object is this repository: the source object of
// the entry, or one with a URL of this repository and the same reference.
// Another branch of the same URL is another source.
func (s *Set) isSelf(obj *unstructured.Unstructured, get Getter) bool {
	ref := refOf(obj)
	if ref == s.Self {
		return true
	}
	if !s.knownURL(text(obj, "spec", "url"), get) {
		return false
	}
	kind, want := refIn(obj).gitWant()
	if self := get(s.Self); self != nil && self.GetKind() == "GitRepository" {
		selfKind, selfWant := refIn(self).gitWant()
		return kind == selfKind && want == selfWant
	}
	if kind != refBranch {
		return false
	}
	// Where no GitRepository says which branch is this tree, the branch that is
	// checked out says so, and for a pull request the branch that it goes to.
	return want == s.Tree.Branch() || want == "main" || want == "master"
}

// knownURL reports whether the URL is one of this repository.
func (s *Set) knownURL(url string, get Getter) bool {
	for _, u := range s.SelfURLs {
		if sameURL(u, url) {
			return true
		}
	}
	self := get(s.Self)
	return self != nil && self.GetKind() == "GitRepository" && sameURL(text(self, "spec", "url"), url)
}

func (s *Set) isOwnFolder(p string) bool {
	if s.Path == "" {
		return false
	}
	a, errA := filepath.EvalSymlinks(p)
	b, errB := filepath.Abs(s.Path)
	if errA != nil || errB != nil {
		return false
	}
	if r, err := filepath.EvalSymlinks(b); err == nil {
		b = r
	}
	return a == b
}

// self is this repository.
func (s *Set) self(obj *unstructured.Unstructured) (checkout, *Failure) {
	commit, err := s.commit(s.Tree, s.Revision)
	if err != nil {
		return checkout{}, unreadable(obj, "the repository", err)
	}
	return checkout{tree: s.Tree, commit: commit}, nil
}

// commit is the commit of a tree, else a hash of its content.
func (s *Set) commit(t *repo.Tree, known string) (string, error) {
	if known != "" {
		return known, nil
	}
	if c := t.Commit(); c != "" {
		return c, nil
	}
	b := s.shared.contents.do(fmt.Sprintf("commit %p", t), func() built {
		h, err := contentHash(treeNodes(t))
		return built{digest: h, err: err}
	})
	return b.digest, b.err
}

// mapped is the content that the source map names.
func (s *Set) mapped(obj *unstructured.Unstructured, m found) (checkout, *Failure) {
	tree, err := s.folder(m.row.Path, refOf(obj))
	if err != nil {
		return checkout{}, unreadable(obj, fmt.Sprintf("%q", m.row.Path), err)
	}
	commit, err := s.commit(tree, m.row.Commit)
	if err != nil {
		return checkout{}, unreadable(obj, fmt.Sprintf("%q", m.row.Path), err)
	}
	return checkout{tree: tree, commit: commit, tag: m.version}, nil
}

// branch is another branch, tag or commit of this repository as far as the
// local clone has it. What was fetched from the remote comes before what is
// only here.
func (s *Set) branch(ctx context.Context, obj *unstructured.Unstructured) (checkout, bool) {
	kind, want := refIn(obj).gitWant()
	if s.Path == "" || !plainRef(want) {
		return checkout{}, false
	}
	var revs []string
	switch kind {
	case refBranch:
		revs = []string{"refs/remotes/origin/" + want, "refs/heads/" + want}
	case refTag:
		revs = []string{"refs/tags/" + want}
	case refName:
		revs = []string{want}
	case refCommit:
		if fullHash.MatchString(want) {
			revs = []string{want}
		}
	}
	for _, rev := range revs {
		t := s.shared.trees.do("revision "+rev, func() loadedTree {
			tree, err := repo.Revision(ctx, s.Path, rev)
			if err != nil {
				return loadedTree{err: err}
			}
			return loadedTree{tree: tree.Label(refOf(obj).String())}
		})
		if t.err == nil {
			return checkout{tree: t.tree, commit: t.tree.Commit()}, true
		}
	}
	return checkout{}, false
}

// plainRef reports whether the name is a plain reference name, so that nothing
// in it is read as a revision expression or an option.
func plainRef(name string) bool {
	return name != "" && !strings.HasPrefix(name, "-") && !strings.Contains(name, "..") &&
		!strings.ContainsAny(name, " ~^:?*[\\@{}\t\n")
}
