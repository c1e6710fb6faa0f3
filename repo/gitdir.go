package repo

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// fault is an error that is always the same.
type fault string

// Error returns the fault itself.
func (f fault) Error() string { return string(f) }

const (
	errNoGit      fault = "it is not inside a git repository"
	errNotRegular fault = "it is no regular file"
)

// gitDir is where a git repository lies on disk.
type gitDir struct {
	top    string // root of the work tree
	dir    string // its .git folder, which a linked worktree keeps elsewhere
	common string // the folder with objects and refs
}

// findGit finds the git repository that an absolute path lies in, or that it is
// when it is bare. A bare one inside a work tree is content like any other.
func findGit(abs string) (gitDir, error) {
	for top := abs; ; top = filepath.Dir(top) {
		info, err := os.Stat(filepath.Join(top, git.GitDirName))
		if err == nil {
			g := gitDir{top: top, dir: filepath.Join(top, git.GitDirName)}
			return g.follow(info.IsDir())
		}
		if top == filepath.Dir(top) {
			break
		}
	}
	if isBare(abs) {
		return gitDir{top: abs, dir: abs, common: abs}, nil
	}
	return gitDir{}, errNoGit
}

func isBare(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// follow reads the .git file of a linked worktree or submodule, and the file
// that names the folder which worktrees share.
func (g gitDir) follow(isFolder bool) (gitDir, error) {
	if !isFolder {
		data, err := os.ReadFile(g.dir)
		if err != nil {
			return gitDir{}, err
		}
		target, ok := strings.CutPrefix(string(data), "gitdir:")
		if !ok {
			return gitDir{}, fmt.Errorf("%s does not name a git folder", g.dir)
		}
		g.dir = joined(g.top, strings.TrimSpace(target))
	}
	g.common = g.dir
	if data, err := os.ReadFile(filepath.Join(g.dir, "commondir")); err == nil {
		g.common = joined(g.dir, strings.TrimSpace(string(data)))
	}
	return g, nil
}

func joined(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// plainStorage hides the repository extensions that change nothing for a
// reader, which go-git refuses to open.
type plainStorage struct{ *filesystem.Storage }

// Config returns the configuration without harmless extensions.
func (s plainStorage) Config() (*config.Config, error) {
	c, err := s.Storage.Config()
	if err != nil || c.Raw == nil || !c.Raw.HasSection("extensions") {
		return c, err
	}
	section := c.Raw.Section("extensions")
	for _, name := range []string{"worktreeconfig", "partialclone", "preciousobjects", "relativeworktrees"} {
		for _, option := range slices.Clone(section.Options) {
			if strings.EqualFold(option.Key, name) {
				section.RemoveOption(option.Key)
			}
		}
	}
	return c, nil
}

func (g gitDir) open() (*git.Repository, error) {
	files := dotgit.NewRepositoryFilesystem(osfs.New(g.dir), osfs.New(g.common))
	storage := filesystem.NewStorageWithOptions(files, cache.NewObjectLRUDefault(),
		filesystem.Options{AlternatesFS: osfs.New("/")})
	r, err := git.Open(plainStorage{storage}, nil)
	if err != nil {
		return nil, fmt.Errorf("open the git repository %s: %w", g.top, err)
	}
	return r, nil
}

// origin returns what git knows about what is checked out.
func (g gitDir) origin(r *git.Repository, abs string) origin {
	from := origin{prefix: g.prefix(abs), remotes: remotes(r)}
	if head, err := r.Head(); err == nil {
		from.commit = head.Hash().String()
		if c, err := r.CommitObject(head.Hash()); err == nil {
			from.subject = subject(c.Message)
		}
	}
	if head, err := r.Reference(plumbing.HEAD, false); err == nil && head.Target().IsBranch() {
		from.branch = head.Target().Short()
	}
	return from
}

// subject is the first line of a commit's message.
func subject(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return strings.TrimSpace(line)
}

func (g gitDir) prefix(abs string) string {
	rel, err := filepath.Rel(g.top, abs)
	if err != nil || rel == "." {
		return ""
	}
	return filepath.ToSlash(rel)
}

func remotes(r *git.Repository) []string {
	c, err := r.Config()
	if err != nil {
		return nil
	}
	var names []string
	for name := range c.Remotes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "origin") != (b == "origin") {
			return strings.Compare(rankRemote(a), rankRemote(b))
		}
		return strings.Compare(a, b)
	})
	var urls []string
	for _, name := range names {
		for _, u := range c.Remotes[name].URLs {
			urls = append(urls, withoutCredentials(u))
		}
	}
	return slices.Compact(urls)
}

func rankRemote(name string) string {
	if name == "origin" {
		return "0"
	}
	return "1"
}

var scpForm = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)

// withoutCredentials removes what a CI job may have put into the URL of a
// remote. The user of an SSH URL is part of the address and stays.
func withoutCredentials(remote string) string {
	if scpForm.MatchString(remote) {
		return remote
	}
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return remote
	}
	if u.Scheme == "ssh" {
		u.User = url.User(u.User.Username())
	} else {
		u.User = nil
	}
	return u.String()
}
