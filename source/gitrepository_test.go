package source

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

var selfRef = finding.Ref{Group: Group, Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"}

// gitObject is a GitRepository in flux-system with the spec.
func gitObject(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, `{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {namespace: flux-system, name: `+name+`}, spec: {`+spec+`}}`)
}

const here = `url: "https://github.com/org/fleet", ref: {branch: main}`

func TestWhichSourceIsThisRepository(t *testing.T) {
	tests := []struct {
		reason string
		name   string
		spec   string
		self   bool
	}{
		{"the source of the entry", "flux-system", here, true},
		{"the same URL in another form, same branch", "twin", `url: "ssh://git@github.com/org/fleet.git", ref: {branch: main}`, true},
		{"a remote of the clone", "mirror", `url: "https://mirror.test/fleet", ref: {branch: main}`, true},
		{"the branch as a full name", "named", `url: "https://github.com/org/fleet", ref: {name: refs/heads/main}`, true},
		{"another branch is another source", "dev-team", `url: "https://github.com/org/fleet", ref: {branch: dev-team}`, false},
		{"without ref the branch is master", "noref", `url: "https://github.com/org/fleet"`, false},
		{"a tag is another source", "tagged", `url: "https://github.com/org/fleet", ref: {branch: main, tag: v1}`, false},
		{"another repository", "other", `url: "https://github.com/org/apps", ref: {branch: main}`, false},
	}
	for _, tt := range tests {
		s := New(Options{Tree: repo.FromFiles(map[string]string{"a.yaml": "a"}), Self: selfRef, SelfURLs: []string{"git@mirror.test:fleet.git"}, Revision: "c0ffee"})
		a, f := s.Artifact(context.Background(), gitObject(t, tt.name, tt.spec), getter(gitObject(t, "flux-system", here)))
		switch {
		case tt.self && f != nil:
			t.Errorf("%s: %s", tt.reason, f.Message)
		case tt.self && (!strings.HasSuffix(a.Revision, "main@sha1:c0ffee") || len(a.Files) != 1 || a.Files[0].Origin == nil):
			t.Errorf("%s: revision %q with %v", tt.reason, a.Revision, paths(a.Files))
		case !tt.self && (f == nil || !f.Unknown || f.Reason != ReasonNotLocal):
			t.Errorf("%s: it resolves to %q, %+v", tt.reason, a.Revision, f)
		}
	}
}

func TestNotLocalSaysWhatToType(t *testing.T) {
	s := New(Options{Tree: repo.FromFiles(nil), Self: selfRef})
	_, f := s.Artifact(context.Background(), gitObject(t, "apps", `url: "https://h/apps", ref: {tag: v1}`), nil)
	if f == nil {
		t.Fatal("content from nowhere")
	}
	want := finding.Problem{Reason: "source-not-local", Object: finding.Ref{Group: Group, Kind: "GitRepository", Namespace: "flux-system", Name: "apps"}, Field: "/spec/url",
		Message: `tag "v1" of GitRepository/flux-system/apps (https://h/apps) is not at hand`,
		Hint:    "add it to the --source-map file: kind: GitRepository, namespace: flux-system, name: apps, url: https://h/apps, ref: {tag: v1}, path: FOLDER-OR-ARCHIVE"}
	if diff := cmp.Diff(want, f.Problem); diff != "" {
		t.Error(diff)
	}
}

// Without git the revision is a hash of the whole content, also of what the
// ignore rules leave out.
func TestRevisionWithoutGit(t *testing.T) {
	revision := func(files map[string]string) (string, string) {
		s := New(Options{Tree: repo.FromFiles(files), Self: selfRef})
		a, f := s.Artifact(context.Background(), gitObject(t, "flux-system", here), nil)
		if f != nil {
			t.Fatal(f.Message)
		}
		return a.Revision, a.Digest
	}
	r1, d1 := revision(map[string]string{"a.yaml": "1", "logo.png": "1"})
	r2, d2 := revision(map[string]string{"a.yaml": "1", "logo.png": "2"})
	if !strings.HasPrefix(r1, "main@sha1:") || len(r1) != len("main@sha1:")+40 {
		t.Errorf("revision %q", r1)
	}
	if r1 == r2 || d1 != d2 {
		t.Errorf("an ignored file moves the revision (%q, %q) and not the digest (%q, %q)", r1, r2, d1, d2)
	}
}

func TestSparseIncludeSubmodule(t *testing.T) {
	tree := map[string]string{"root.yaml": "", "apps/a.yaml": "", "apps-old/b.yaml": "", "infra/c.yaml": "",
		".gitmodules": "[submodule \"x\"]\n\tpath = vendor/x\n\turl = https://h/x\n"}
	m := loadMap(t, "sources:\n- {kind: GitRepository, namespace: flux-system, name: lib, path: lib, commit: abc}", "lib/charts/x.yaml", "lib/logo.png")
	objs := []*unstructured.Unstructured{
		gitObject(t, "lib", `url: "https://h/lib"`),
		gitObject(t, "one", here+`, include: [{repository: {name: two}}]`),
		gitObject(t, "two", here+`, include: [{repository: {name: one}}]`),
		gitObject(t, "far", `url: "https://h/far"`),
	}
	all := []string{"apps-old/b.yaml", "apps/a.yaml", "infra/c.yaml", "root.yaml"}
	tests := []struct {
		reason, spec, condition, message string
		unknown                          bool
		want                             []string
	}{
		{reason: "the whole tree", want: all},
		{reason: "sparse folders compare the start of the path and leave the root out",
			spec: `sparseCheckout: [./apps]`, want: []string{"apps-old/b.yaml", "apps/a.yaml"}},
		{reason: "a sparse folder that does not exist", spec: `sparseCheckout: [apps, gone]`, condition: "GitOperationFailed",
			message: "failed to sparse checkout directories : sparse checkout dir 'gone' does not exist in repository: lstat gone: no such file or directory"},
		{reason: "an include lands in a folder of its name, without what its own archive ignores",
			spec: `include: [{repository: {name: lib}}]`, want: []string{"apps-old/b.yaml", "apps/a.yaml", "infra/c.yaml", "lib/charts/x.yaml", "root.yaml"}},
		{reason: "from a folder to a folder", spec: `include: [{repository: {name: lib}, fromPath: charts, toPath: ./new/place}], ignore: "/apps*\n/infra"`,
			want: []string{"new/place/x.yaml", "root.yaml"}},
		{reason: "a folder that is there already", spec: `include: [{repository: {name: lib}, toPath: apps}]`, condition: "CopyFailure",
			message: "failed to copy 'lib' include from  to apps: rename . apps: file exists"},
		{reason: "a folder that the include has not", spec: `include: [{repository: {name: lib}, fromPath: gone}]`, condition: "CopyFailure",
			message: "failed to copy 'lib' include from gone to lib: cannot stat gone: stat gone: no such file or directory"},
		{reason: "an include that does not exist", spec: `include: [{repository: {name: absent}}]`, condition: "NotFound",
			message: `could not get resource for include 'absent': GitRepository.source.toolkit.fluxcd.io "absent" not found`},
		{reason: "includes in a circle", spec: `include: [{repository: {name: one}}]`, condition: "NoArtifact",
			message: "no artifact available for include 'one'"},
		{reason: "an include that is not at hand", spec: `include: [{repository: {name: far}}]`, unknown: true},
		{reason: "submodules that are not at hand", spec: `recurseSubmodules: true`, unknown: true},
	}
	for _, tt := range tests {
		spec := here
		if tt.spec != "" {
			spec += ", " + tt.spec
		}
		self := gitObject(t, "flux-system", spec)
		s := New(Options{Tree: repo.FromFiles(tree), Self: selfRef, Map: m})
		a, f := s.Artifact(context.Background(), self, getter(append(objs, self)...))
		if tt.want != nil {
			if f != nil {
				t.Errorf("%s: %s", tt.reason, f.Message)
			} else if diff := cmp.Diff(tt.want, paths(a.Files)); diff != "" {
				t.Errorf("%s:\n%s", tt.reason, diff)
			}
			continue
		}
		if f == nil || f.Unknown != tt.unknown || f.Condition != tt.condition || !tt.unknown && f.Message != tt.message {
			t.Errorf("%s: %+v, want %s %q", tt.reason, f, tt.condition, tt.message)
		}
	}
}

// A source map brings another branch of this repository; the working tree never stands for it.
func TestOtherBranchFromMap(t *testing.T) {
	m := loadMap(t, `
sources:
- {kind: GitRepository, namespace: apps, name: dev-team, url: "https://github.com/org/fleet", ref: {branch: dev-team}, path: dev, commit: 0b99}
`, "dev/team.yaml")
	s := New(Options{Tree: repo.FromFiles(map[string]string{"a.yaml": ""}), Self: selfRef, Map: m})
	get := getter(gitObject(t, "flux-system", here))
	a, f := s.Artifact(context.Background(), gitObject(t, "dev-team", `url: "https://github.com/org/fleet", ref: {branch: dev-team}`), get)
	if f != nil {
		t.Fatal(f.Message)
	}
	if diff := cmp.Diff([]string{"team.yaml"}, paths(a.Files)); diff != "" || a.Revision != "dev-team@sha1:0b99" {
		t.Errorf("revision %q:\n%s", a.Revision, diff)
	}
	if got := a.Files[0].Origin.Position(1, 1).File; got != "GitRepository/flux-system/dev-team:team.yaml" {
		t.Errorf("position in %q", got)
	}
	_, f = s.Artifact(context.Background(), gitObject(t, "dev-team", `url: "https://github.com/org/fleet", ref: {branch: changed}`), get)
	if f == nil || !f.Unknown {
		t.Errorf("a row for one branch stands for another: %+v", f)
	}
}

// cloneWithBranches makes a repository with main checked out, the branch
// dev-team and the tag v1.
func cloneWithBranches(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.invalid",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.invalid")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	commit := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", "-A")
		git("commit", "-q", "-m", name)
	}
	git("init", "-q", "-b", "main")
	commit("main.yaml")
	git("checkout", "-q", "-b", "dev-team")
	commit("dev.yaml")
	git("tag", "v1")
	git("checkout", "-q", "main")
	return dir
}

// The local clone brings its other branches and tags.
func TestOtherBranchFromClone(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: branches of a clone are not tested")
	}
	dir := cloneWithBranches(t)
	tree, err := repo.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Tree: tree, Path: dir, Self: selfRef})
	get := getter(gitObject(t, "flux-system", here))
	tests := []struct {
		reason, ref, prefix string
		want                []string
	}{
		{"a branch", "{branch: dev-team}", "dev-team@sha1:", []string{"dev.yaml", "main.yaml"}},
		{"a tag", "{tag: v1}", "v1@sha1:", []string{"dev.yaml", "main.yaml"}},
		{"no such branch", "{branch: gone}", "", nil},
		{"a revision expression is no branch", "{branch: main~0}", "", nil},
		{"an option is no branch", "{name: --upload-pack=x}", "", nil},
	}
	for _, tt := range tests {
		a, f := s.Artifact(context.Background(), gitObject(t, "x", `url: "https://github.com/org/fleet", ref: `+tt.ref), get)
		if tt.want == nil {
			if f == nil || !f.Unknown {
				t.Errorf("%s: %q, %+v", tt.reason, a.Revision, f)
			}
			continue
		}
		if f != nil {
			t.Errorf("%s: %s", tt.reason, f.Message)
		} else if diff := cmp.Diff(tt.want, paths(a.Files)); diff != "" || !strings.HasPrefix(a.Revision, tt.prefix) {
			t.Errorf("%s: revision %q\n%s", tt.reason, a.Revision, diff)
		}
	}
	if a, f := s.Artifact(context.Background(), gitObject(t, "flux-system", here), get); f != nil || a.Revision != "main@sha1:"+tree.Commit() {
		t.Errorf("this repository: %q, %+v", a.Revision, f)
	}
}
