package source

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/fluxcd/pkg/version"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// gitRef says which revision of a repository or registry is wanted.
type gitRef struct {
	Commit, Name, Semver, Tag, Branch, Digest string
}

// refIn reads spec.ref.
func refIn(obj *unstructured.Unstructured) gitRef {
	get := func(key string) string { return text(obj, "spec", "ref", key) }
	return gitRef{Commit: get("commit"), Name: get("name"), Semver: get("semver"),
		Tag: get("tag"), Branch: get("branch"), Digest: get("digest")}
}

// The kinds of references.
const (
	refCommit = "commit"
	refName   = "name"
	refSemver = "semver"
	refTag    = "tag"
	refBranch = "branch"
	refDigest = "digest"
)

// gitWant is what a GitRepository checks out: commit before name before semver
// before tag before branch; without any it is the branch master.
func (r gitRef) gitWant() (kind, value string) {
	switch {
	case r.Commit != "":
		return refCommit, r.Commit
	case strings.HasPrefix(r.Name, "refs/heads/"):
		return refBranch, strings.TrimPrefix(r.Name, "refs/heads/")
	case strings.HasPrefix(r.Name, "refs/tags/"):
		return refTag, strings.TrimPrefix(r.Name, "refs/tags/")
	case r.Name != "":
		return refName, r.Name
	case r.Semver != "":
		return refSemver, r.Semver
	case r.Tag != "":
		return refTag, r.Tag
	}
	return refBranch, cmp.Or(r.Branch, "master")
}

// ociWant is what an OCIRepository pulls: digest before semver before tag;
// without any it is the tag latest.
func (r gitRef) ociWant() (kind, value string) {
	switch {
	case r.Digest != "":
		return refDigest, r.Digest
	case r.Semver != "":
		return refSemver, r.Semver
	}
	return refTag, cmp.Or(r.Tag, "latest")
}

// gitRevision is the revision of a GitRepository artifact. tag is the one that
// a version range resolves to.
func (r gitRef) gitRevision(commit, tag string) string {
	short := ""
	switch {
	case r.Commit != "":
		commit, short = r.Commit, r.Branch
	case r.Name != "":
		short = r.Name
	case r.Semver != "":
		short = tag
	case r.Tag != "":
		short = r.Tag
	default:
		short = cmp.Or(r.Branch, "master")
	}
	if short == "" {
		return "sha1:" + commit
	}
	return short + "@sha1:" + commit
}

var scpURL = regexp.MustCompile(`^(?:[^@/]+@)?([^:/]+):(?:/*)([^/].*)$`)

// isURL reports whether the text names a place: a URL or the scp form of git.
func isURL(s string) bool {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return scheme != "" && rest != "" && !strings.ContainsAny(s, " ()")
	}
	return scpURL.MatchString(s) && !strings.ContainsAny(s, " ()")
}

// NormalURL reduces a URL of a repository to what names it: host in lower case
// and path, without scheme, user, default port, ".git" and trailing slash.
func NormalURL(s string) string {
	s = strings.TrimSpace(s)
	host, path := "", ""
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		host, path = strings.ToLower(u.Hostname()), u.Path
		if p := u.Port(); p != "" && p != "22" && p != "443" {
			host += ":" + p
		}
	} else if m := scpURL.FindStringSubmatch(s); m != nil && !strings.Contains(s, "://") {
		host, path = strings.ToLower(m[1]), m[2]
	} else {
		return s
	}
	path = strings.Trim(path, "/")
	path = strings.TrimSuffix(strings.TrimSuffix(path, ".git"), "/")
	return host + "/" + path
}

// sameURL reports whether two URLs name the same repository.
func sameURL(a, b string) bool {
	return isURL(a) && isURL(b) && NormalURL(a) == NormalURL(b)
}

// satisfies parses the version and checks it against a range; a range that
// does not parse is satisfied by nothing. An empty range means any release.
func satisfies(ver, constraint string) (*semver.Version, bool) {
	v, err := version.ParseVersion(ver)
	if err != nil {
		return nil, false
	}
	c, err := semver.NewConstraint(cmp.Or(constraint, "*"))
	if err != nil || !c.Check(v) {
		return nil, false
	}
	return v, true
}
