package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// maxFiles bounds how many files a tree may have: a hostile one can name the
// same folder again and again.
const maxFiles = 500_000

// RevisionError says that a git revision is not at hand.
type RevisionError struct {
	Rev  string
	Hint string // what to type
	Err  error
}

// Error names the revision and the cause.
func (e *RevisionError) Error() string {
	return fmt.Sprintf("the git revision %q is not in the local clone (%v); %s", e.Rev, e.Err, e.Hint)
}

// Unwrap returns the cause.
func (e *RevisionError) Unwrap() error { return e.Err }

// Revision reads a git revision (branch, tag, commit, HEAD~1, origin/main) of
// the repository that dir lies in, from the object database alone: checkout and
// index are neither read nor touched. A dir below the root of the repository
// gives that folder of the revision. A revision that the clone does not have is
// a *RevisionError.
func Revision(ctx context.Context, dir, rev string) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	g, err := findGit(abs)
	if err != nil {
		return nil, fmt.Errorf("read revision %q of %s: %w", rev, dir, err)
	}
	r, err := g.open()
	if err != nil {
		return nil, err
	}
	commit, err := commitOf(r, rev)
	if err != nil {
		return nil, &RevisionError{Rev: rev, Hint: revisionHint(r, rev), Err: err}
	}
	from := origin{commit: commit.Hash.String(), subject: subject(commit.Message), prefix: g.prefix(abs), remotes: remotes(r)}
	if _, err := r.Reference(plumbing.NewBranchReferenceName(rev), false); err == nil {
		from.branch = rev
	}
	root, err := commit.Tree()
	if err == nil && from.prefix != "" {
		root, err = root.Tree(from.prefix)
	}
	if errors.Is(err, object.ErrDirectoryNotFound) {
		return newTree(nil, nil, from), nil // the folder is new since that revision
	}
	if err != nil {
		return nil, &RevisionError{Rev: rev, Hint: revisionHint(r, rev), Err: err}
	}
	w := revisionWalk{ctx: ctx, repo: r, lock: &sync.Mutex{}}
	if err := w.folder(root, ""); err != nil {
		return nil, fmt.Errorf("read revision %q of %s: %w", rev, dir, err)
	}
	return newTree(w.files, w.problems, from), nil
}

func commitOf(r *git.Repository, rev string) (*object.Commit, error) {
	// go-git reads these forms as if the part after the name were not there.
	if rev == "" || strings.ContainsAny(rev, ":\x00") || strings.Contains(rev, "@{") ||
		strings.ContainsAny(rev[:1], "^~") {
		return nil, errors.New("it is no name of a commit")
	}
	if rev == "@" || strings.HasPrefix(rev, "@~") || strings.HasPrefix(rev, "@^") {
		rev = "HEAD" + rev[1:]
	}
	hash, err := r.ResolveRevision(plumbing.Revision(rev))
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the commit has no such parent")
	}
	if err != nil {
		return nil, err
	}
	return r.CommitObject(*hash)
}

func revisionHint(r *git.Repository, rev string) string {
	if _, err := r.ResolveRevision(plumbing.Revision("origin/" + rev)); err == nil && rev != "" {
		return fmt.Sprintf("name the branch of the remote: %q", "origin/"+rev)
	}
	if rev == "origin/HEAD" {
		return "let git ask the remote for its default branch: git remote set-head origin --auto"
	}
	return "fetch it first: git fetch origin, or fetch-depth: 0 for actions/checkout on GitHub Actions"
}

// revisionWalk lists the files of a git tree. Blobs are read when asked for,
// one at a time, since go-git's object store has no lock of its own.
type revisionWalk struct {
	ctx      context.Context
	repo     *git.Repository
	lock     *sync.Mutex
	files    []*File
	problems []finding.Problem
}

func (w *revisionWalk) folder(tree *object.Tree, dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	for _, entry := range tree.Entries {
		name := path.Join(dir, entry.Name)
		if !safeName(entry.Name) {
			w.problems = append(w.problems, unreadable(name, errors.New("git would not check out this name")))
			continue
		}
		switch entry.Mode {
		case filemode.Submodule:
		case filemode.Dir:
			sub, err := w.repo.TreeObject(entry.Hash)
			if err != nil {
				w.problems = append(w.problems, unreadable(name, err))
				continue
			}
			if err := w.folder(sub, name); err != nil {
				return err
			}
		default:
			if len(w.files) == maxFiles {
				return fmt.Errorf("it has more than %d files", maxFiles)
			}
			w.files = append(w.files, w.file(name, entry))
		}
	}
	return nil
}

// safeName reports whether git itself would write an entry of this name.
func safeName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.EqualFold(name, ".git") &&
		!strings.ContainsAny(name, "/\\\x00")
}

func (w *revisionWalk) file(name string, entry object.TreeEntry) *File {
	f := &File{Path: name, display: name, Mode: 0o644}
	read := func() ([]byte, error) {
		w.lock.Lock()
		defer w.lock.Unlock()
		blob, err := w.repo.BlobObject(entry.Hash)
		if err != nil {
			return nil, fmt.Errorf("read the blob %s of %s: %w", entry.Hash, name, err)
		}
		r, err := blob.Reader()
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
		return io.ReadAll(r)
	}
	f.read = sync.OnceValues(read)
	f.size = func() (int64, error) {
		w.lock.Lock()
		defer w.lock.Unlock()
		return w.repo.Storer.EncodedObjectSize(entry.Hash)
	}
	switch entry.Mode {
	case filemode.Executable:
		f.Mode = 0o755
	case filemode.Symlink:
		target, err := read()
		if err != nil {
			w.problems = append(w.problems, unreadable(name, err))
		}
		f.Mode, f.Link = fs.ModeSymlink|0o777, string(target)
	}
	return f
}

func unreadable(name string, err error) finding.Problem {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // the path of the machine says nothing to a reader
	}
	return finding.Problem{
		Reason:  "file-unreadable",
		Pos:     finding.Position{File: name, Precision: finding.PrecisionFile},
		Message: fmt.Sprintf("%q cannot be read: %v", name, err),
		Hint:    "make the file readable, or remove it from the repository",
	}
}
