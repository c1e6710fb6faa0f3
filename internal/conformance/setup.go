package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The addresses that stand for the loopback servers of the record.
var addresses = [][2]string{
	{"__GIT_URL__", "https://git.conformance.example"},
	{"__HELM_URL__", "https://charts.conformance.example"},
	{"__OCI_URL__", "oci://registry.conformance.example"},
	{"__OCI_HOST__", "registry.conformance.example"},
}

// spec is case.yaml.
type spec struct {
	Path          string              `yaml:"path"`
	Resync        bool                `yaml:"resync"`
	FakeReady     bool                `yaml:"fakeReady"`
	Watcher       bool                `yaml:"watcher"`
	Flags         map[string][]string `yaml:"flags"`
	HeadDelete    []map[string]string `yaml:"headDelete"`
	GitRepository map[string]any      `yaml:"gitRepository"`
	Kustomization map[string]any      `yaml:"kustomization"`
}

// stage is a case laid out for the program.
type stage struct {
	spec
	dir, src string // work folder, folder of the case
	steps    []string
	commits  map[string]string // by mask
	base     string            // revision of step base, empty when there is no step head
}

func layOut(src, dir string) (*stage, error) {
	s := &stage{dir: dir, src: src, commits: map[string]string{}}
	data, err := os.ReadFile(filepath.Join(src, "case.yaml"))
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(data, &s.spec); err != nil {
		return nil, fmt.Errorf("case.yaml: %w", err)
	}
	for _, step := range []string{"base", "head", "resync"} {
		if exists(filepath.Join(src, "expect", step)) {
			s.steps = append(s.steps, step)
		}
	}
	if len(s.steps) == 0 {
		return nil, errors.New("nobody has recorded it: the folder expect has no step")
	}
	for _, f := range []func() error{s.repository, s.maps, s.config} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// repository makes the git repository: base, and head on top of it.
func (s *stage) repository() error {
	repo := filepath.Join(s.dir, "repo")
	if err := commit(repo, filepath.Join(s.src, "repo"), "base"); err != nil {
		return err
	}
	var err error
	if s.commits["base"], err = head(repo); err != nil {
		return err
	}
	if exists(filepath.Join(s.src, "head")) {
		if err := commit(repo, filepath.Join(s.src, "head"), "head"); err != nil {
			return err
		}
		if s.commits["head"], err = head(repo); err != nil {
			return err
		}
	}
	if len(s.steps) > 1 {
		s.base = s.commits["base"]
	}
	return nil
}

// commit makes the content of a repository that of a folder, and commits it on main.
func commit(repo, content, message string) error {
	if !exists(filepath.Join(repo, ".git")) {
		if err := os.MkdirAll(repo, 0o755); err != nil {
			return err
		}
		if err := git(repo, "init", "-q", "-b", "main"); err != nil {
			return err
		}
	}
	old, err := os.ReadDir(repo)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.Name() != ".git" {
			if err := os.RemoveAll(filepath.Join(repo, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := copyTree(content, repo); err != nil {
		return err
	}
	if err := git(repo, "add", "-A", "-f"); err != nil {
		return err
	}
	return git(repo, "commit", "-q", "--allow-empty", "-m", message)
}

func git(repo string, args ...string) error {
	cmd := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=c", "-c", "user.email=c@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return nil
}

func head(repo string) (string, error) {
	out, err := exec.Command("git", "-C", repo, "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(out)), err
}

// copyTree copies a folder with the addresses put in; symbolic links stay links.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, p)
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(target, []byte(fill(string(data))), 0o644)
	})
}

func fill(text string) string {
	for _, a := range addresses {
		text = strings.ReplaceAll(text, a[0], a[1])
	}
	return text
}

// pack writes a folder as a .tgz under the name of the chart that it holds.
func pack(folder, name, target string) error {
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	defer f.Close()
	gz := gzip.NewWriter(f)
	tw := tar.NewWriter(gz)
	var files []string
	err = filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	sort.Strings(files)
	for _, p := range files {
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(folder, p)
		if err := tw.WriteHeader(&tar.Header{Name: filepath.ToSlash(filepath.Join(name, rel)), Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return gz.Close()
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}
