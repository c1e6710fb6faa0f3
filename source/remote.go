package source

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// commitHash is a commit, also a short one.
var commitHash = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// Remote returns the folder that holds a git repository which no source object
// names, as the source map has it: at a tag, branch or commit, or at the main
// branch when ref is empty. This repository is none of them, as its other
// revisions are not what the map holds.
func (s *Set) Remote(url, ref string) (string, bool) {
	r := s.Map.repository(url, ref)
	if r == nil || r.Path == "" || s.isOwnFolder(r.Path) {
		return "", false
	}
	tree, err := s.folder(r.Path, finding.Ref{Group: Group, Kind: "GitRepository", Name: url})
	if err != nil {
		return "", false
	}
	b := s.shared.contents.do("remote "+r.Path, func() built { return load(treeNodes(tree)) })
	if b.err != nil {
		return "", false
	}
	dir, err := s.Dir(Artifact{Digest: b.digest, Files: b.files})
	return dir, err == nil
}

// repository finds the row for a repository at a reference whose kind is not
// known. A row without a reference stands for all of them, after those that name one.
func (m *Map) repository(url, ref string) *row {
	var rows, open []*row
	for _, r := range m.rowsOf("GitRepository", &unstructured.Unstructured{}, url) {
		switch {
		case !isURL(r.URL):
		case r.Ref == (gitRef{}) && r.Resolved == "":
			open = append(open, r)
		default:
			rows = append(rows, r)
		}
	}
	wants := []gitRef{{Tag: ref}, {Branch: ref}, {Name: ref}}
	if ref == "" {
		wants = []gitRef{{Branch: "main"}, {Branch: "master"}}
		if len(open) > 0 {
			return open[0]
		}
	}
	for _, want := range wants {
		kind, value := want.gitWant()
		for _, r := range rows {
			if rowKind, has := r.Ref.gitWant(); r.Ref != (gitRef{}) && kind == rowKind && value == has || kind == refTag && r.Resolved == value {
				return r
			}
		}
	}
	for _, r := range rows {
		if commitHash.MatchString(ref) && (strings.HasPrefix(r.Commit, ref) || strings.HasPrefix(r.Ref.Commit, ref)) {
			return r
		}
	}
	if len(open) > 0 {
		return open[0]
	}
	return nil
}
