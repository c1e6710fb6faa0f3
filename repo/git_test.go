package repo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// work is a git work tree that a test builds with the git program.
type work struct {
	t   *testing.T
	dir string
}

func newWork(t *testing.T) work {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: reading git repositories is not tested")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := work{t, filepath.Join(dir, "work")}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.git("init", "-q", "-b", "main")
	return w
}

func (w work) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.invalid", "GIT_AUTHOR_DATE=2024-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.invalid", "GIT_COMMITTER_DATE=2024-01-01T00:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w work) write(files map[string]string) {
	w.t.Helper()
	for name, text := range files {
		full := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w work) commit(message string) string {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "-m", message)
	return w.git("rev-parse", "HEAD")
}

func paths(t *Tree) []string {
	var names []string
	for _, f := range t.Files() {
		names = append(names, f.Path)
	}
	return names
}

func TestFolderWithGit(t *testing.T) {
	w := newWork(t)
	w.write(map[string]string{
		".gitignore":           "*.log\n/build/\nsecret.yaml\n!keep.log\n",
		"a/secret.yaml":        "tracked: true\n",
		"a/.gitignore":         "local.yaml\n",
		"build/tracked/x.yaml": "a: 1\n",
	})
	w.git("add", "-f", ".")
	w.git("commit", "-q", "-m", "first")
	w.write(map[string]string{
		"x.log": "", "keep.log": "", "build/y.yaml": "", "b/secret.yaml": "", "a/local.yaml": "",
		"local.yaml": "a: 1\n", "nested/.git": "gitdir: /nowhere\n", "nested/z.yaml": "",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(w.dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	w.git("remote", "add", "backup", "git@example.com:org/backup.git")
	w.git("remote", "add", "origin", "https://token:secret@example.com/org/repo.git")

	tree, err := Folder(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".gitignore", "a/.gitignore", "a/secret.yaml", "build/tracked/x.yaml", "keep.log", "link.yaml", "local.yaml"}
	if diff := cmp.Diff(want, paths(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if link := tree.File("link.yaml"); link.Link != "/etc/passwd" {
		t.Errorf("link to %q, want /etc/passwd", link.Link)
	}
	if _, err := tree.File("link.yaml").Data(); err == nil {
		t.Error("a link that leaves the tree was read")
	}
	if diff := cmp.Diff([]string{"https://example.com/org/repo.git", "git@example.com:org/backup.git"}, tree.Remotes()); diff != "" {
		t.Errorf("remotes (-want +got):\n%s", diff)
	}
	if got := tree.Branch(); got != "main" {
		t.Errorf("branch %q, want main", got)
	}
	if got := tree.Commit(); got != w.git("rev-parse", "HEAD") {
		t.Errorf("commit %q is not HEAD", got)
	}

	sub, err := Folder(filepath.Join(w.dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".gitignore", "secret.yaml"}, paths(sub)); diff != "" || sub.Prefix() != "a" {
		t.Errorf("the folder a with prefix %q (-want +got):\n%s", sub.Prefix(), diff)
	}
}

// history makes two commits with a tag, branches, packed objects and a linked
// worktree, and leaves a change that is not committed.
func history(t *testing.T) (w work, first, second string) {
	t.Helper()
	w = newWork(t)
	w.write(map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"})
	if err := os.Chmod(filepath.Join(w.dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("apps/a.yaml", filepath.Join(w.dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	first = w.commit("first")
	w.git("tag", "-a", "v1", "-m", "v1")
	w.write(map[string]string{"apps/a.yaml": "a: 2\n", "infra/b.yaml": "b: 1\n"})
	second = w.commit("second")
	w.git("branch", "topic", "HEAD~1")
	w.git("update-ref", "refs/remotes/origin/release", "HEAD~1")
	w.git("gc", "-q")
	w.git("config", "core.repositoryformatversion", "1")
	w.git("config", "extensions.worktreeConfig", "true")
	w.git("worktree", "add", "-q", "../linked", "topic")
	w.git("clone", "-q", "--bare", ".", "../bare")
	w.write(map[string]string{"apps/a.yaml": "not: committed\n"})
	return w, first, second
}

func TestRevision(t *testing.T) {
	w, first, second := history(t)
	tests := []struct {
		why, dir, rev, commit, branch string
		want                          map[string]string
	}{
		{"a branch", "", "main", second, "main", map[string]string{"apps/a.yaml": "a: 2\n", "infra/b.yaml": "b: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"an ancestor", "", "HEAD~1", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"an ancestor of @", "", "@^", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"an annotated tag", "", "v1", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"a branch of a remote, packed", "", "origin/release", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"a short hash", "", second[:7], second, "", map[string]string{"apps/a.yaml": "a: 2\n", "infra/b.yaml": "b: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"a folder of the repository", "infra", "main", second, "main", map[string]string{"b.yaml": "b: 1\n"}},
		{"a folder that is new since", "infra", "v1", first, "", map[string]string{}},
		{"a bare repository", "../bare", "v1", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
		{"a linked worktree", "../linked", "HEAD", first, "", map[string]string{"apps/a.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			tree, err := Revision(context.Background(), filepath.Join(w.dir, tt.dir), tt.rev)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range tree.Files() {
				if f.Link != "" {
					continue
				}
				data, err := f.Data()
				if err != nil {
					t.Fatal(err)
				}
				got[f.Path] = string(data)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tree.Commit() != tt.commit || tree.Branch() != tt.branch {
				t.Errorf("commit %s on %q, want %s on %q", tree.Commit(), tree.Branch(), tt.commit, tt.branch)
			}
		})
	}
	tree, err := Revision(context.Background(), w.dir, "main")
	if err != nil {
		t.Fatal(err)
	}
	if link := tree.File("link.yaml"); link == nil || link.Link != "apps/a.yaml" {
		t.Errorf("the link is %+v", link)
	}
	if mode := tree.File("run.sh").Mode; mode != 0o755 {
		t.Errorf("mode %v, want 0755", mode)
	}
}

func TestRevisionNotAtHand(t *testing.T) {
	w := newWork(t)
	w.write(map[string]string{"a.yaml": "a: 1\n"})
	w.commit("first")
	w.write(map[string]string{"a.yaml": "a: 2\n"})
	w.commit("second")
	w.git("clone", "-q", "--depth", "1", "file://"+w.dir, "../shallow")
	shallow := work{t, filepath.Join(filepath.Dir(w.dir), "shallow")}
	shallow.git("checkout", "-q", "--detach")
	shallow.git("branch", "-q", "-D", "main")

	tests := []struct{ why, dir, rev, want string }{
		{"no such branch", w.dir, "nothing", "fetch-depth: 0"},
		{"beyond the first commit", w.dir, "HEAD~5", "fetch-depth: 0"},
		{"beyond a shallow clone", shallow.dir, "HEAD~1", "fetch-depth: 0"},
		{"only the remote has the branch", shallow.dir, "main", `"origin/main"`},
		{"an option is no revision", w.dir, "--all", "fetch"},
		{"a parent of nothing", w.dir, "~1", "no name of a commit"},
		{"a place in the log of a branch", w.dir, "main@{1}", "no name of a commit"},
		{"nothing", w.dir, "", "no name of a commit"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			_, err := Revision(context.Background(), tt.dir, tt.rev)
			var missing *RevisionError
			if !errors.As(err, &missing) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a RevisionError that says %s", err, tt.want)
			}
		})
	}
	if _, err := Revision(context.Background(), t.TempDir(), "main"); err == nil || !strings.Contains(err.Error(), "git repository") {
		t.Errorf("outside git: got %v", err)
	}
}

func TestTreeFromFiles(t *testing.T) {
	tree := FromFiles(map[string]string{"b/c.yaml": "a: 1\n", "a.yaml": "# placeholder\n"})
	over := tree.Overlay(map[string][]byte{"a.yaml": []byte("x:\n  y: 1\n"), "new/d.yaml": []byte("z: 1\n")})
	if diff := cmp.Diff([]string{"a.yaml", "b/c.yaml", "new/d.yaml"}, paths(over)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := over.File("a.yaml").Documents()[0].At("/x/y"); got != (finding.Position{File: "a.yaml", Precision: finding.PrecisionFile}) {
		t.Errorf("a place in overlaid content is %+v, want the file alone", got)
	}
	if got := len(tree.File("a.yaml").Documents()); got != 0 {
		t.Errorf("the tree below has %d documents, want 0: it must not change", got)
	}
	other := tree.Label("other")
	if got := other.File("b/c.yaml").Documents()[0].At("/a").String(); got != "other:b/c.yaml:1:4" {
		t.Errorf("position %s, want other:b/c.yaml:1:4", got)
	}
	for dir, want := range map[string]bool{".": true, "b": true, "new": false, "a.yaml": false} {
		if tree.IsFolder(dir) != want {
			t.Errorf("IsFolder(%q) is not %v", dir, want)
		}
	}
}

func TestFolderWithoutGit(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big.yaml"), make([]byte, maxYAML+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gone.yaml"), []byte("a: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range tree.Problems() {
		got = append(got, p.Reason+" "+p.Message)
	}
	want := []string{
		`file-unreadable "big.yaml" cannot be read: 20 MiB are more than the 20 MiB that a YAML file may have`,
		`file-unreadable "gone.yaml" cannot be read: no such file or directory`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tree.Commit() != "" || tree.Branch() != "" || tree.Remotes() != nil {
		t.Error("a folder without git has neither commit, branch nor remotes")
	}
	if _, err := Folder(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a folder that does not exist was read")
	}
}
