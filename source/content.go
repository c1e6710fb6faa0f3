package source

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
	"github.com/fluxcd/pkg/sourceignore/gitignore"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// node is a regular file that may go into an artifact. It is read only when
// no rule leaves it out.
type node struct {
	path   string
	exec   bool
	origin *repo.File
	data   []byte // of a node without origin
}

func (n node) bytes() ([]byte, error) {
	if n.origin == nil {
		return n.data, nil
	}
	return n.origin.Data()
}

// treeNodes are the regular files of a tree. Symbolic links, sockets and
// devices are left out, as the archive of an artifact leaves them out.
func treeNodes(t *repo.Tree) []node {
	files := t.Files()
	out := make([]node, 0, len(files))
	for _, f := range files {
		if f.Mode.Type() != 0 || !fs.ValidPath(f.Path) {
			continue
		}
		out = append(out, node{path: f.Path, exec: f.Mode.Perm()&0o111 != 0, origin: f})
	}
	return out
}

// fileNodes are files that were unpacked from an archive. Positions in them
// show the name of the source object.
func fileNodes(files []File, ref finding.Ref) []node {
	content := make(map[string]string, len(files))
	for _, f := range files {
		content[f.Path] = string(f.Data)
	}
	tree := repo.FromFiles(content).Label(ref.String())
	out := make([]node, len(files))
	for i, f := range files {
		out[i] = node{path: f.Path, exec: f.Exec, origin: tree.File(f.Path), data: f.Data}
	}
	return out
}

// built is the content of an artifact, or why there is none.
type built struct {
	files   []File
	folders []string
	blob    []byte
	digest  string
	err     error
}

// load reads the nodes and digests them, with the folders that hold none.
func load(nodes []node, folders ...string) built {
	files := make([]File, 0, len(nodes))
	for _, n := range nodes {
		data, err := n.bytes()
		if err != nil {
			return built{err: fmt.Errorf("read %q: %w", n.path, err)}
		}
		files = append(files, File{Path: n.path, Exec: n.exec, Data: data, Origin: n.origin})
	}
	return digested(files, folders...)
}

// digested sorts the files and digests them.
func digested(files []File, folders ...string) built {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	digest, err := Digest(files, folders...)
	return built{files: files, folders: folders, digest: digest, err: err}
}

// ignorePatterns collects the patterns of every .sourceignore of the nodes,
// outer ones first, each scoped to its folder, and then those of spec.ignore.
func ignorePatterns(nodes []node, spec string) ([]gitignore.Pattern, error) {
	var rules []node
	for _, n := range nodes {
		inGit := strings.HasPrefix(n.path, ".git/") || strings.Contains(n.path, "/.git/")
		if path.Base(n.path) == sourceignore.IgnoreFile && !inGit {
			rules = append(rules, n)
		}
	}
	slices.SortFunc(rules, func(a, b node) int {
		return slices.Compare(domain(a.path), domain(b.path))
	})
	var out []gitignore.Pattern
	for _, n := range rules {
		data, err := n.bytes()
		if err != nil {
			return nil, fmt.Errorf("failed to load source ignore patterns from repository: %w", err)
		}
		out = append(out, sourceignore.ReadPatterns(bytes.NewReader(data), domain(n.path))...)
	}
	if spec != "" {
		out = append(out, sourceignore.ReadPatterns(strings.NewReader(spec), nil)...)
	}
	return out, nil
}

// domain is the folder of a path as its elements, none for the root.
func domain(p string) []string {
	dir := path.Dir(p)
	if dir == "." {
		return nil
	}
	return strings.Split(dir, "/")
}

// archiveMatcher matches what an archive leaves out. The default excludes hold
// only where the user gives no pattern at all; those for version control always hold.
func archiveMatcher(user []gitignore.Pattern) gitignore.Matcher {
	if len(user) == 0 {
		return sourceignore.NewDefaultMatcher(nil, nil)
	}
	return sourceignore.NewMatcher(append(sourceignore.VCSPatterns(nil), user...))
}

// kept returns the nodes that the matcher does not match.
func kept(nodes []node, m gitignore.Matcher) []node {
	out := make([]node, 0, len(nodes))
	for _, n := range nodes {
		if !m.Match(strings.Split(n.path, "/"), false) {
			out = append(out, n)
		}
	}
	return out
}

// emptied are the folders that an archive keeps although it leaves out all that
// was in them, sorted: a folder goes only where a rule matches the folder itself.
func emptied(nodes, keep []node, m gitignore.Matcher) []string {
	seen := map[string]bool{".": true}
	for _, n := range keep {
		for dir := path.Dir(n.path); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
		}
	}
	var out []string
	for _, n := range nodes {
		for dir := path.Dir(n.path); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			if !m.Match(strings.Split(dir, "/"), true) {
				out = append(out, dir)
			}
		}
	}
	slices.Sort(out)
	return out
}

// filtered applies the ignore rules of the nodes and of spec.ignore.
func filtered(nodes []node, specIgnore string) built {
	ps, err := ignorePatterns(nodes, specIgnore)
	if err != nil {
		return built{err: err}
	}
	m := archiveMatcher(ps)
	keep := kept(nodes, m)
	return load(keep, emptied(nodes, keep, m)...)
}

// contentHash is a commit-like hash for content without a commit: it changes
// with every file, also with those that ignore rules leave out.
func contentHash(nodes []node) (string, error) {
	sorted := slices.SortedFunc(slices.Values(nodes), func(a, b node) int { return strings.Compare(a.path, b.path) })
	h := sha1.New()
	for _, n := range sorted {
		data, err := n.bytes()
		if err != nil {
			return "", fmt.Errorf("read %q: %w", n.path, err)
		}
		fmt.Fprintf(h, "%q %t %x\n", n.path, n.exec, sha256.Sum256(data))
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
