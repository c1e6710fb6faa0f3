package source

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// refusals are sources that the controller refuses: what it says, word for word.
func TestRegistryRefusals(t *testing.T) {
	m := loadMap(t, `
complete: true
closed: true
sources:
- {kind: OCIRepository, url: "oci://reg.test/man", ref: {tag: 1.0.0}, mediaType: application/vnd.cncf.flux.content.v1.tar+gzip, path: man}
- {kind: OCIRepository, url: "oci://reg.test/own", ref: {tag: 1.0.0}, path: man}
- {kind: GitRepository, url: "https://git.test/a", ref: {branch: main}, path: man}
- {kind: HelmRepository, url: "https://charts.test", chart: demo, version: 1.0.0, path: man/a}
`, "man/a")
	const man = `url: "oci://reg.test/man"`
	tests := []struct{ reason, kind, spec, condition, message string }{
		{"no such media type", "OCIRepository", man + `, ref: {tag: 1.0.0}, layerSelector: {mediaType: application/x}`,
			"OCIArtifactLayerOperationFailed", "failed to find layer with media type 'application/x' in artifact"},
		{"the media type is there", "OCIRepository", man + `, ref: {tag: 1.0.0}, layerSelector: {mediaType: application/vnd.cncf.flux.content.v1.tar+gzip}`, "", ""},
		{"what the map does not say of a type is not held against it", "OCIRepository", `url: "oci://reg.test/own", ref: {tag: 1.0.0}, layerSelector: {mediaType: application/x}`, "", ""},
		{"a range that is none", "OCIRepository", man + `, ref: {semver: abc}`,
			"ReadOperationFailed", "failed to determine the artifact tag for 'oci://reg.test/man': semver 'abc' parse error: improper constraint: \"abc\""},
		{"a filter that is none comes before the range", "OCIRepository", man + `, ref: {semver: abc, semverFilter: "(["}`,
			"ReadOperationFailed", "failed to determine the artifact tag for 'oci://reg.test/man': error parsing regexp: missing closing ]: `[`"},
		{"a tag in the URL", "OCIRepository", `url: "oci://reg.test/man:1.0.0"`,
			"URLInvalid", "URL validation failed for 'oci://reg.test/man:1.0.0': repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: man:1.0.0"},
		{"no such repository, by tag", "OCIRepository", `url: "oci://reg.test/none", insecure: true, ref: {tag: x}`,
			"OCIArtifactPullFailed", "failed to determine artifact digest: GET http://reg.test/v2/none/manifests/x: NAME_UNKNOWN: Unknown name"},
		{"no such repository, by range", "OCIRepository", `url: "oci://reg.test/none", ref: {semver: "*"}`,
			"ReadOperationFailed", "failed to determine the artifact tag for 'oci://reg.test/none': GET https://reg.test/v2/none/tags/list?n=1000: NAME_UNKNOWN: Unknown name"},
		{"no such git repository", "GitRepository", `url: "https://git.test/none", ref: {branch: main}`,
			"GitOperationFailed", "failed to checkout and determine revision: unable to clone 'https://git.test/none': repository not found: "},
		{"no such branch, by its full name", "GitRepository", `url: "https://git.test/a", ref: {name: refs/heads/none}`,
			"GitOperationFailed", "failed to checkout and determine revision: unable to resolve ref 'refs/heads/none' to a specific commit"},
		{"no such branch", "GitRepository", `url: "https://git.test/a", ref: {branch: none}`,
			"GitOperationFailed", "failed to checkout and determine revision: unable to clone 'https://git.test/a': couldn't find remote ref \"refs/heads/none\""},
		{"a range of tags that is none", "GitRepository", `url: "https://git.test/a", ref: {semver: abc}`,
			"GitOperationFailed", "failed to checkout and determine revision: semver parse error: improper constraint: \"abc\""},
		{"no spec.url", "GitRepository", `interval: 1h`,
			"AuthenticationFailed", "failed to configure authentication options: no transport type set"},
		{"no index", "HelmRepository", `url: "https://charts.test/none/"`,
			"Failed", "failed to fetch Helm repository index: failed to cache index to temporary file: failed to fetch https://charts.test/none/index.yaml : 404 Not Found"},
	}
	set := New(Options{Map: m})
	for _, test := range tests {
		_, f := set.Artifact(context.Background(), sourceObject(t, test.kind, "x", test.spec), nil)
		switch {
		case f == nil && test.message != "":
			t.Errorf("%s: the source is accepted", test.reason)
		case f != nil && (f.Message != test.message || f.Condition != test.condition || f.Unknown):
			t.Errorf("%s: %s %q (unknown: %t), want %s %q", test.reason, f.Condition, f.Message, f.Unknown, test.condition, test.message)
		}
	}
}

// The type of an archive is told from its content between manifests and charts only.
func TestAssumedLayer(t *testing.T) {
	file := writeMap(t, "", "a.tgz", "b.tgz")
	for name, inside := range map[string]string{"a.tgz": "demo/Chart.yaml", "b.tgz": "deploy/a.yaml"} {
		dir, base := filepath.Split(inside)
		blob, err := Pack(filepath.Clean(dir), []File{{Path: base, Data: []byte("name: demo\nversion: 1.0.0\n")}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), blob, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		reason, archive, selector string
		accepted                  bool
	}{
		{"a chart as a chart", "a.tgz", chartLayer, true},
		{"a chart as manifests", "a.tgz", contentLayer, false},
		{"manifests as a chart", "b.tgz", chartLayer, false},
		{"manifests as manifests", "b.tgz", contentLayer, true},
		{"a type of the user's own", "b.tgz", "application/x", true},
	}
	for _, test := range tests {
		obj := sourceObject(t, "OCIRepository", "x", `url: "oci://reg.test/x", layerSelector: {mediaType: "`+test.selector+`"}`)
		path := filepath.Join(filepath.Dir(file), test.archive)
		f := layerType(obj, &row{Path: path, layer: func() string { return assumedLayer(path) }})
		if (f == nil) != test.accepted {
			t.Errorf("%s: accepted is %t", test.reason, f == nil)
		}
	}
}

// The revision is that of the whole artifact, whatever is taken of it, and a
// layer that is copied is not filtered.
func TestLayerOperations(t *testing.T) {
	m := loadMap(t, `
sources:
- {kind: OCIRepository, url: "oci://reg.test/man", ref: {tag: latest}, path: man}
`, "man/deploy/a.yaml", "man/deploy/b.yaml")
	set := New(Options{Map: m, Workdir: t.TempDir()})
	resolve := func(spec string) Artifact {
		a, f := set.Artifact(context.Background(), sourceObject(t, "OCIRepository", "x", `url: "oci://reg.test/man"`+spec), nil)
		if f != nil {
			t.Fatal(f.Message)
		}
		return a
	}
	whole, filtered := resolve(""), resolve(`, ignore: b.yaml`)
	copied := resolve(`, ignore: b.yaml, layerSelector: {operation: copy}`)
	if whole.Revision != filtered.Revision || whole.Revision != copied.Revision {
		t.Errorf("revisions differ: %s, %s with ignore, %s copied", whole.Revision, filtered.Revision, copied.Revision)
	}
	if len(whole.Files) != 2 || len(filtered.Files) != 1 {
		t.Errorf("%d and %d files, want 2 and 1", len(whole.Files), len(filtered.Files))
	}
	dir, err := set.Dir(copied)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"deploy/a.yaml", "deploy/b.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("a copied layer unpacks to what was pushed: %v", err)
		}
	}
}
