package source

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// generate builds an ArtifactGenerator whose source "git" has the files and whose
// source "gone" does not exist.
func generate(t *testing.T, files map[string]string, spec string) Generation {
	t.Helper()
	obj := object(t, "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {namespace: apps, name: gen}\nspec:\n"+spec)
	return Generate(context.Background(), Generator{Object: obj, Lockdown: true, Artifact: func(_ context.Context, ref finding.Ref) (Artifact, *Failure) {
		if ref.Name == "gone" {
			return Artifact{}, NotFound(ref)
		}
		b := load(treeNodes(repo.FromFiles(files)))
		if b.err != nil {
			t.Error(b.err)
		}
		return Artifact{Revision: "main@sha1:c0ffee", Digest: b.digest, Files: b.files}, nil
	}})
}

const gitSource = "  sources: [{alias: git, kind: GitRepository, name: repo}]\n"

func TestCopy(t *testing.T) {
	archive, err := Pack("cfg", []File{{Path: "in.yaml", Data: []byte("in")}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"top.yaml": "top: 1", "apps/a.yaml": "a: 1\nlist: [1]\nmap: {x: 1}", "apps/.hidden.yaml": "", "apps/deep/b.yaml": "b", "apps/deep/er/c.yaml": "c",
		"apps/logo.png": "", "over/a.yaml": "list: [2]\nmap: {y: 2}\n---\nz: 3", "pack/cfg.tgz": string(archive), "pack/deep/cfg2.tar.gz": string(archive), "pack/n.txt": "",
	}
	tests := []struct {
		reason, copy string
		want         []string
		fails        string // cause
	}{
		{reason: `"dir/**" drops dir, takes hidden files and whole folders; pictures fall to the default excludes`,
			copy: `{from: "@git/apps/**", to: "@artifact/"}`, want: []string{".hidden.yaml", "a.yaml", "deep/b.yaml", "deep/er/c.yaml"}},
		{reason: `"**" elsewhere is one level, and the whole path is kept`,
			copy: `{from: "@git/**/b.yaml", to: "@artifact/x"}`, fails: "no files match pattern '**/b.yaml' in source 'git'"},
		{reason: "another glob keeps the whole path", copy: `{from: "@git/apps/*.yaml", to: "@artifact/x/"}`, want: []string{"x/apps/.hidden.yaml", "x/apps/a.yaml"}},
		{reason: "a folder keeps its own name", copy: `{from: "@git/apps/deep", to: "@artifact/"}`, want: []string{"deep/b.yaml", "deep/er/c.yaml"}},
		{reason: "a trailing slash changes nothing", copy: `{from: "@git/apps/deep/", to: "@artifact/x"}`, want: []string{"x/deep/b.yaml", "x/deep/er/c.yaml"}},
		{reason: "a file to a folder", copy: `{from: "@git/top.yaml", to: "@artifact/x/"}`, want: []string{"x/top.yaml"}},
		{reason: "a file to a name", copy: `{from: "@git/top.yaml", to: "@artifact/x/y.yaml"}`, want: []string{"x/y.yaml"}},
		{reason: "a file to a folder that is there", copy: `{from: "@git/apps/deep", to: "@artifact/"}, {from: "@git/top.yaml", to: "@artifact/deep"}`,
			want: []string{"deep/b.yaml", "deep/er/c.yaml", "deep/top.yaml"}},
		{reason: "everything", copy: `{from: "@git/", to: "@artifact/all"}`,
			want: []string{"all/apps/.hidden.yaml", "all/apps/a.yaml", "all/apps/deep/b.yaml", "all/apps/deep/er/c.yaml", "all/over/a.yaml", "all/pack/cfg.tgz", "all/pack/n.txt", "all/top.yaml"}},
		{reason: "excludes by name at any depth, by path, and relative to the folder", copy: `{from: "@git/apps/**", to: "@artifact/", exclude: [".*", "deep/er/**", "apps/a.yaml"]}`,
			want: []string{"deep/b.yaml"}},
		{reason: "everything excluded", copy: `{from: "@git/apps/*", to: "@artifact/", exclude: ["**"]}`, fails: "all files matching pattern 'apps/*' in source 'git' were excluded"},
		{reason: "a single file may be excluded in silence", copy: `{from: "@git/top.yaml", to: "@artifact/", exclude: ["*.yaml"]}`, want: []string{}},
		{reason: "a bad exclude", copy: `{from: "@git/top.yaml", to: "@artifact/", exclude: ["[a"]}`, fails: "invalid exclude pattern '[a'"},
		{reason: "a source that does not exist", copy: `{from: "@git/gone", to: "@artifact/"}`, fails: "source 'gone' does not exist"},
		{reason: "a path that leaves the source", copy: `{from: "@git/../x", to: "@artifact/"}`, fails: "failed to stat source '../x': statat ../x: path escapes from parent"},
		{reason: "a glob that leaves the source", copy: `{from: "@git/../*", to: "@artifact/"}`, fails: "no files match pattern '../*' in source 'git'"},
		{reason: "a destination that leaves the artifact", copy: `{from: "@git/top.yaml", to: "@artifact/../x"}`, fails: "openat ../x: path escapes from parent"},
		{reason: "an alias that does not exist", copy: `{from: "@other/x", to: "@artifact/"}`, fails: "source alias 'other' not found"},
		{reason: "a destination without @artifact", copy: `{from: "@git/x", to: "x"}`, fails: "invalid copy destination 'x': destination must start with '@artifact/'"},
		{reason: "a bad glob", copy: `{from: "@git/[", to: "@artifact/"}`, fails: "invalid glob pattern '[': syntax error in pattern"},
		{reason: "extract finds archives at any depth and skips the rest", copy: `{from: "@git/pack/**", to: "@artifact/x", strategy: Extract}`, want: []string{"x/cfg/in.yaml"}},
		{reason: "extract of a single file wants an archive", copy: `{from: "@git/top.yaml", to: "@artifact/", strategy: Extract}`,
			fails: "extract strategy requires tarball file (.tar.gz or .tgz), got 'top.yaml'"},
		{reason: "extract of a folder", copy: `{from: "@git/pack", to: "@artifact/", strategy: Extract}`, fails: "extract strategy is not supported for directories, got 'pack'"},
		{reason: "a file over a folder", copy: `{from: "@git/apps/deep", to: "@artifact/"}, {from: "@git/top.yaml", to: "@artifact/x"}, {from: "@git/apps/deep", to: "@artifact/x"}`,
			fails: "mkdirat x: not a directory"},
	}
	for _, tt := range tests {
		g := generate(t, files, gitSource+"  artifacts: [{name: out, copy: ["+tt.copy+"]}]")
		if tt.fails != "" {
			if !failedCopy(g.Failure, tt.fails) {
				t.Errorf("%s: %+v, want %q", tt.reason, g.Failure, tt.fails)
			}
			continue
		}
		if g.Failure != nil {
			t.Errorf("%s: %s", tt.reason, g.Failure.Message)
		} else if diff := cmp.Diff(tt.want, paths(g.Artifacts[0].Artifact.Files)); diff != "" {
			t.Errorf("%s:\n%s", tt.reason, diff)
		}
	}
}

// failedCopy reports whether the failure is one of a copy operation of the
// artifact "out" with that cause.
func failedCopy(f *Failure, cause string) bool {
	return f != nil && f.Condition == "BuildFailed" && !f.Unknown && strings.HasSuffix(f.Message, ": "+cause) &&
		strings.HasPrefix(f.Message, "out build failed: failed to apply copy operations: failed to apply copy operation from '@") &&
		strings.HasPrefix(f.Field, "/spec/artifacts/0/copy/")
}

// A pattern whose evaluation would not end is not evaluated.
func TestCopyLimit(t *testing.T) {
	g := generate(t, map[string]string{"a.yaml": ""}, gitSource+
		`  artifacts: [{name: out, copy: [{from: "@git/a.yaml", to: "@artifact/", exclude: ["`+strings.Repeat("{a,a}", 100)+`"]}]}]`)
	if g.Failure == nil || !g.Failure.Unknown {
		t.Errorf("%+v", g.Failure)
	}
}

func TestCopyMerge(t *testing.T) {
	files := map[string]string{"a.yaml": "a: 1\nlist: [1]\nmap: {x: 1}\n", "over/a.yaml": "list: [2]\nmap: {w: 2}\n---\nz: 3\n"}
	g := generate(t, files, gitSource+`  artifacts: [{name: out, copy: [{from: "@git/a.yaml", to: "@artifact/"}, {from: "@git/over/a.yaml", to: "@artifact/a.yaml", strategy: Merge}]}]`)
	if g.Failure != nil {
		t.Fatal(g.Failure.Message)
	}
	f := g.Artifacts[0].Artifact.Files[0]
	if diff := cmp.Diff("a: 1\nlist:\n- 2\nmap:\n  w: 2\n  x: 1\nz: 3\n", string(f.Data)); diff != "" || f.Origin != nil {
		t.Errorf("maps are merged, lists replaced, and no file is the origin (%v):\n%s", f.Origin, diff)
	}
}

func TestGeneratorFailures(t *testing.T) {
	const copyAll = `copy: [{from: "@git/**", to: "@artifact/"}]`
	tests := []struct{ reason, spec, condition, message, field string }{
		{"an alias twice", "  sources: [{alias: git, kind: GitRepository, name: a}, {alias: git, kind: GitRepository, name: b}]\n  artifacts: []",
			"ValidationFailed", "duplicate source alias 'git' found", "/spec/sources/1/alias"},
		{"a name twice", gitSource + "  artifacts: [{name: a, " + copyAll + "}, {name: a, " + copyAll + "}]",
			"ValidationFailed", "duplicate artifact name 'a' found", "/spec/artifacts/1/name"},
		{"a revision of nobody", gitSource + `  artifacts: [{name: a, revision: "@other", ` + copyAll + "}]",
			"ValidationFailed", "artifact a revision source alias 'other' not found", "/spec/artifacts/0/revision"},
		{"another namespace under lockdown", "  sources: [{alias: git, kind: GitRepository, name: a, namespace: team}]\n  artifacts: []",
			"AccessDenied", "cross-namespace reference to source GitRepository/team/a is not allowed", "/spec/sources/0/namespace"},
		{"a source that does not exist", "  sources: [{alias: git, kind: GitRepository, name: gone}]\n  artifacts: [{name: a, " + copyAll + "}]",
			"SourceFetchFailed", `get sources failed: GitRepository.source.toolkit.fluxcd.io "gone" not found`, "/spec/sources/0"},
		{"a pattern for nobody", gitSource + "  pathPattern: \"@other/{app}\"\n  artifacts: [{name: \"{app}\", " + copyAll + "}]",
			"BuildFailed", `failed to expand path pattern: pathPattern "@other/{app}": source alias other not found in local sources`, "/spec/pathPattern"},
	}
	for _, tt := range tests {
		g := generate(t, map[string]string{"a.yaml": ""}, tt.spec)
		if f := g.Failure; f == nil || f.Condition != tt.condition || f.Message != tt.message || f.Field != tt.field || f.Unknown {
			t.Errorf("%s: %+v, want %s %q at %s", tt.reason, f, tt.condition, tt.message, tt.field)
		}
	}
}

// The loop of source-watcher ends at the first error: what comes before is
// stored, what comes after stays as it is.
func TestGeneratorPartialFailure(t *testing.T) {
	spec := gitSource + `  artifacts:
  - {name: first, revision: "@git", originRevision: "@git", copy: [{from: "@git/a.yaml", to: "@artifact/"}]}
  - {name: second, copy: [{from: "@git/a.yaml", to: "@artifact/"}, {from: "@git/gone/**", to: "@artifact/"}]}
  - {name: third, copy: [{from: "@git/a.yaml", to: "@artifact/"}]}
`
	g := generate(t, map[string]string{"a.yaml": ""}, spec)
	var names []string
	for _, a := range g.Artifacts {
		names = append(names, a.Name+" "+a.Artifact.Revision+" "+a.Artifact.OriginRevision)
	}
	if diff := cmp.Diff([]string{"first main@sha1:c0ffee main@sha1:c0ffee"}, names); diff != "" {
		t.Error(diff)
	}
	want := "second build failed: failed to apply copy operations: failed to apply copy operation from '@git/gone/**' to '@artifact/': no files match pattern 'gone/**' in source 'git'"
	if g.Failure == nil || g.Failure.Message != want || g.Failure.Field != "/spec/artifacts/1/copy/1" {
		t.Errorf("%+v, want %q", g.Failure, want)
	}
}

func TestArtifactNamedAfterAlias(t *testing.T) {
	g := generate(t, map[string]string{"a.yaml": "", "b/c.yaml": ""}, gitSource+`  artifacts: [{name: git, copy: [{from: "@git/b/**", to: "@artifact/"}]}]`)
	if g.Failure != nil {
		t.Fatal(g.Failure.Message)
	}
	if diff := cmp.Diff([]string{"a.yaml", "b/c.yaml", "c.yaml"}, paths(g.Artifacts[0].Artifact.Files)); diff != "" {
		t.Errorf("source-watcher builds in the folder of the source:\n%s", diff)
	}
	if len(g.Problems) != 1 || g.Problems[0].Reason != ReasonAliasShadow {
		t.Errorf("problems: %+v", g.Problems)
	}
}

func TestPathPattern(t *testing.T) {
	files := map[string]string{"apps/Shop/prod/a.yaml": "", "apps/Shop/dev/a.yaml": "", "apps/blog/prod/b.yaml": "", "apps/readme.md": ""}
	g := generate(t, files, gitSource+`  pathPattern: "@git/apps/{app}/{env}"
  artifacts: [{name: "{app}-{env}", copy: [{from: "@git/apps/{app}/{env}/**", to: "@artifact/{app}/"}]}]`)
	if g.Failure != nil {
		t.Fatal(g.Failure.Message)
	}
	var got []string
	for _, a := range g.Artifacts {
		got = append(got, fmt.Sprintf("%s %v %v", a.Name, a.Labels, paths(a.Artifact.Files)))
	}
	want := []string{
		"shop-dev map[app:shop env:dev] [Shop/a.yaml]", // names and labels in lower case, paths as found
		"shop-prod map[app:shop env:prod] [Shop/a.yaml]",
		"blog-prod map[app:blog env:prod] [blog/b.yaml]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct{ reason, pattern, name, message string }{
		{"a capture twice", "@git/{a}/{a}", "x", `duplicate capture variable "a"`},
		{"a bad capture", "@git/{1a}", "x", `capture variable "1a" must be a valid capture name`},
		{"a brace left open", "@git/{a", "x", "missing closing brace"},
		{"a name without capture", "@git/apps/{app}", "{other}", `capture variable "other" is not defined by pathPattern`},
		{"two folders for one name", "@git/apps/{app}", "same", `directories "apps/Shop" and "apps/blog" both resolve to artifact name "same"`},
		{"a name that is none", "@git/apps/{app}", "{app}_x", `rendered artifact name "shop_x" is not a valid Kubernetes object name`},
	} {
		g := generate(t, files, gitSource+fmt.Sprintf(`  pathPattern: %q
  artifacts: [{name: %q, copy: [{from: "@git/apps/**", to: "@artifact/"}]}]`, tt.pattern, tt.name))
		if g.Failure == nil || !strings.Contains(g.Failure.Message, tt.message) || g.Failure.Condition != "BuildFailed" {
			t.Errorf("%s: %+v, want %q", tt.reason, g.Failure, tt.message)
		}
	}
}
