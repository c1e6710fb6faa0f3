package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// sourceObject is a source of any kind in namespace apps.
func sourceObject(t *testing.T, kind, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, `{apiVersion: source.toolkit.fluxcd.io/v1, kind: `+kind+`, metadata: {namespace: apps, name: `+name+`}, spec: {`+spec+`}}`)
}

// chartMap writes a chart archive per version and a source map with the rows.
func chartMap(t *testing.T, rows string, archives ...string) *Map {
	t.Helper()
	file := writeMap(t, rows, archives...)
	for _, a := range archives {
		blob, err := Pack("demo", []File{{Path: "Chart.yaml", Data: []byte("name: demo\nversion: 1.0.0\n")}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), a), blob, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := LoadMap(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestChartVersions(t *testing.T) {
	rows := `
sources:
- {kind: HelmRepository, url: "https://charts.test/stable/", chart: demo, version: 1.0.0, path: a.tgz}
- {kind: HelmRepository, url: "https://charts.test/stable", chart: demo, version: ">=1.0.0", resolved: 1.10.0, path: a.tgz}
- {kind: HelmRepository, url: "https://charts.test/stable", chart: demo, version: 2.0.0-rc1, path: a.tgz}
- {kind: HelmRepository, url: "https://charts.test/stable", chart: demo, version: 3.0.0, match: missing}
- {kind: HelmRepository, url: "https://charts.test/stable", chart: demo, version: v0.9, path: a.tgz}
- {kind: HelmRepository, namespace: apps, name: named, chart: demo, version: 5.0.0, path: a.tgz}
- {kind: HelmRepository, url: "https://closed.test", chart: demo, version: 1.0.0, path: a.tgz, complete: true}
- {kind: OCIRepository, url: "oci://reg.test/charts/demo", ref: {tag: 1.2.3_build}, path: a.tgz, complete: true}
`
	const stable, closed, oci = `url: "https://charts.test/stable"`, `url: "https://closed.test"`, `type: oci, url: "oci://reg.test/charts"`
	const noVersion = "invalid chart reference: failed to get chart version for remote reference: "
	tests := []struct {
		reason, source, spec, chart, version string
		want                                 string // version, or "" for a failure
		unknown                              bool
		condition, message                   string
	}{
		{reason: "an exact version", source: "r", spec: stable, chart: "demo", version: "1.0.0", want: "1.0.0"},
		{reason: "the highest release of a range; the row of the range is one of many", source: "r", spec: stable, chart: "demo", version: ">=1.0.0 <2", want: "1.10.0"},
		{reason: "no pre-release without asking", source: "r", spec: stable, chart: "demo", version: "<3", want: "1.10.0"},
		{reason: "a pre-release when the range has one", source: "r", spec: stable, chart: "demo", version: ">=1.0.0-0 <3", want: "2.0.0-rc1"},
		{reason: "the text of a version counts also when it is no full version", source: "r", spec: stable, chart: "demo", version: "v0.9", want: "v0.9"},
		{reason: "the highest version is known but not at hand", source: "r", spec: stable, chart: "demo", version: "*", unknown: true},
		{reason: "a version that nobody listed", source: "r", spec: stable, chart: "demo", version: "9.0.0", unknown: true},
		{reason: "a chart that nobody listed", source: "r", spec: stable, chart: "other", unknown: true},
		{reason: "a repository that nobody listed", source: "r", spec: `url: "https://charts.test"`, chart: "demo", unknown: true},
		{reason: "a row without a URL goes by name", source: "named", spec: `url: "https://anything.test"`, chart: "demo", want: "5.0.0"},
		{reason: "a closed list without that version", source: "r", spec: closed, chart: "demo", version: ">=3", condition: invalidChart,
			message: noVersion + "no 'demo' chart with version matching '>=3' found"},
		{reason: "a closed list without that chart", source: "r", spec: closed, chart: "gone", condition: invalidChart, message: noVersion + "no chart name found"},
		{reason: "a range that does not parse", source: "r", spec: closed, chart: "demo", version: "latest", condition: invalidChart,
			message: noVersion + "improper constraint: \"latest\""},
		{reason: "an OCI repository finds the chart as an OCI artifact", source: "r", spec: oci, chart: "demo", version: "1.x", want: "1.2.3+build"},
		{reason: "an OCI repository without that version", source: "r", spec: oci, chart: "demo", version: "2.x", condition: "ChartPullError",
			message: "chart pull error: failed to get chart version for remote reference: could not locate a version matching provided version string 2.x"},
		{reason: "an OCI URL without type oci has no artifact", source: "r", spec: `url: "oci://reg.test/charts"`, chart: "demo", condition: "NoSourceArtifact",
			message: "no artifact available for HelmRepository source 'r'"},
	}
	s := New(Options{Tree: repo.FromFiles(nil), Map: chartMap(t, rows, "a.tgz")})
	for _, tt := range tests {
		c, f := s.Chart(context.Background(), ChartRequest{Source: sourceObject(t, "HelmRepository", tt.source, tt.spec), Chart: tt.chart, Version: tt.version}, nil)
		switch {
		case tt.want != "":
			if f != nil {
				t.Errorf("%s: %s", tt.reason, f.Message)
			} else if c.Version != tt.want || c.Name != "demo" || len(c.Archive) == 0 || c.Digest == "" {
				t.Errorf("%s: %q %q, want %q", tt.reason, c.Name, c.Version, tt.want)
			}
		case f == nil:
			t.Errorf("%s: it resolves to %q", tt.reason, c.Version)
		case f.Unknown != tt.unknown || f.Condition != tt.condition || !tt.unknown && f.Message != tt.message:
			t.Errorf("%s: %s %q (unknown %t), want %s %q", tt.reason, f.Condition, f.Message, f.Unknown, tt.condition, tt.message)
		}
	}
}

func TestHelmRepositoryURL(t *testing.T) {
	s := New(Options{Tree: repo.FromFiles(nil)})
	for _, tt := range []struct{ reason, spec, want string }{
		{"oci without type", `url: "oci://h/x"`, "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type"},
		{"oci with type default", `type: default, url: "oci://h/x"`, "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type"},
		{"type oci without oci", `type: oci, url: "https://h/x"`, "failed to construct Helm client: invalid OCI registry URL: https://h/x"},
	} {
		_, f := s.Artifact(context.Background(), sourceObject(t, "HelmRepository", "r", tt.spec), nil)
		if f == nil || f.Unknown || f.Condition != "URLInvalid" || f.Message != tt.want || f.Field != "/spec/url" {
			t.Errorf("%s: %+v, want %q", tt.reason, f, tt.want)
		}
	}
	for _, spec := range []string{`url: "https://h/x"`, `type: oci, url: "oci://h/x"`} {
		if _, f := s.Artifact(context.Background(), sourceObject(t, "HelmRepository", "r", spec), nil); f != nil {
			t.Errorf("%s: %s", spec, f.Message)
		}
	}
}

func TestChartInGit(t *testing.T) {
	packed, err := Pack("packed", []File{{Path: "Chart.yaml", Data: []byte("name: packed\nversion: 2.0.0\n")}, {Path: "charts/x/Chart.yaml", Data: []byte("name: x\nversion: 9.0.0\n")}})
	if err != nil {
		t.Fatal(err)
	}
	tree := repo.FromFiles(map[string]string{
		"charts/demo/Chart.yaml": "name: demo\nversion: 0.1.0\n", "charts/demo/templates/cm.yaml": "x", "charts/demo-2/Chart.yaml": "name: demo-2\nversion: 1.0.0\n",
		"charts/packed.tgz": string(packed), "charts/bad/Chart.yaml": "name: bad\n", "charts/odd/Chart.yaml": "name: odd\nversion: x.y\n",
		"charts/broken/Chart.yaml": "name: [", "docs/readme.yaml": "x", "charts/text.tgz": "text",
	})
	s := New(Options{Tree: tree, Self: selfRef, Revision: "c0ffee"})
	src := gitObject(t, "flux-system", here)
	const invalid = "invalid chart reference: "
	tests := []struct{ reason, chart, name, version, message string }{
		{"a folder", "./charts/demo", "demo", "0.1.0", ""},
		{"a path cannot leave the artifact", "../../charts/demo/", "demo", "0.1.0", ""},
		{"an archive", "charts/packed.tgz", "packed", "2.0.0", ""},
		{"no such folder", "./charts/absent", "", "", invalid + "stat charts/absent: no such file or directory"},
		{"a folder without a chart", "docs", "", "", invalid + "open docs/Chart.yaml: no such file or directory"},
		{"a chart without version", "charts/bad", "", "", invalid + "validation: chart.metadata.version is required"},
		{"a version that is none", "charts/odd", "", "", invalid + `validation: chart.metadata.version "x.y" is invalid`},
	}
	for _, tt := range tests {
		c, f := s.Chart(context.Background(), ChartRequest{Source: src, Chart: tt.chart, Version: "ignored"}, nil)
		if tt.message != "" {
			if f == nil || f.Unknown || f.Condition != invalidChart || f.Message != tt.message {
				t.Errorf("%s: %+v, want %q", tt.reason, f, tt.message)
			}
			continue
		}
		if f != nil {
			t.Errorf("%s: %s", tt.reason, f.Message)
			continue
		}
		if c.Name != tt.name || c.Version != tt.version || c.Revision != "main@sha1:c0ffee" || len(c.Root) != len(tree.Files()) {
			t.Errorf("%s: %q %q at %q with %d files around", tt.reason, c.Name, c.Version, c.Revision, len(c.Root))
		}
	}
	for _, broken := range []string{"charts/broken", "charts/text.tgz"} {
		if c, f := s.Chart(context.Background(), ChartRequest{Source: src, Chart: broken}, nil); f == nil || f.Condition != invalidChart {
			t.Errorf("%s: %q, %+v", broken, c.Name, f)
		}
	}
	c, _ := s.Chart(context.Background(), ChartRequest{Source: src, Chart: "charts/demo"}, nil)
	if diff := cmp.Diff([]string{"Chart.yaml", "templates/cm.yaml"}, paths(c.Files)); diff != "" {
		t.Errorf("the paths of a chart folder are relative to it:\n%s", diff)
	}
	if got := c.Files[1].Origin.Path; got != "charts/demo/templates/cm.yaml" || c.Path != "charts/demo" {
		t.Errorf("origin %q, path %q", got, c.Path)
	}
}

// A HelmChart object is its chart, packed.
func TestHelmChart(t *testing.T) {
	s := New(Options{Tree: repo.FromFiles(map[string]string{"demo/Chart.yaml": "name: demo\nversion: 0.1.0\n", "demo/templates/cm.yaml": "x"}), Self: finding.Ref{
		Group: Group, Kind: "GitRepository", Namespace: "apps", Name: "repo"}})
	get := getter(sourceObject(t, "GitRepository", "repo", here))
	chart := sourceObject(t, "HelmChart", "c", `chart: ./demo, sourceRef: {kind: GitRepository, name: repo}`)
	a, f := s.Artifact(context.Background(), chart, get)
	if f != nil {
		t.Fatal(f.Message)
	}
	files, err := unpack(a.Blob)
	if diff := cmp.Diff([]string{"demo/Chart.yaml", "demo/templates/cm.yaml"}, paths(files)); diff != "" || err != nil || a.Revision != "0.1.0" {
		t.Errorf("revision %q, %v\n%s", a.Revision, err, diff)
	}
	if _, f := s.Artifact(context.Background(), chart, nil); f == nil ||
		f.Message != `failed to get source: GitRepository.source.toolkit.fluxcd.io "repo" not found` {
		t.Errorf("without its source: %+v", f)
	}
}

func TestOCIRepository(t *testing.T) {
	m := chartMap(t, `
sources:
- {kind: OCIRepository, url: "oci://reg.test/a", ref: {tag: 1.0.0}, path: a.tgz}
- {kind: OCIRepository, url: "oci://reg.test/a", ref: {tag: 1.2.0}, path: a.tgz, digest: "sha256:beef"}
- {kind: OCIRepository, url: "oci://reg.test/a", ref: {tag: 1.3.0-dev}, path: a.tgz}
- {kind: OCIRepository, namespace: apps, name: any, path: a.tgz}
`, "a.tgz")
	s := New(Options{Tree: repo.FromFiles(nil), Map: m})
	tests := []struct{ reason, name, spec, revision, condition string }{
		{"a tag", "x", `url: "oci://reg.test/a", ref: {tag: 1.0.0}`, "1.0.0@sha256:", ""},
		{"the highest release of a range", "x", `url: "oci://reg.test/a", ref: {semver: 1.x}`, "1.2.0@sha256:beef", ""},
		{"range before tag", "x", `url: "oci://reg.test/a", ref: {semver: 1.x, tag: 1.0.0}`, "1.2.0@sha256:beef", ""},
		{"the filter comes before the range", "x", `url: "oci://reg.test/a", ref: {semver: ">=1.0.0-0", semverFilter: ".*-dev"}`, "1.3.0-dev@sha256:", ""},
		{"digest before everything", "x", `url: "oci://reg.test/a", ref: {digest: "sha256:beef", semver: 9.x}`, "sha256:beef", ""},
		{"a row without reference stands for any", "any", `url: "oci://reg.test/b"`, "latest@sha256:", ""},
		{"a tag that nobody listed", "x", `url: "oci://reg.test/a", ref: {tag: 9.9.9}`, "", ""},
		{"a filter that does not compile", "x", `url: "oci://reg.test/a", ref: {semver: 1.x, semverFilter: "("}`, "", "ReadOperationFailed"},
		{"a URL without oci", "x", `url: "https://reg.test/a"`, "", "URLInvalid"},
	}
	for _, tt := range tests {
		a, f := s.Artifact(context.Background(), sourceObject(t, "OCIRepository", tt.name, tt.spec), nil)
		switch {
		case tt.revision != "":
			if f != nil || !strings.HasPrefix(a.Revision, tt.revision) {
				t.Errorf("%s: %q, %+v", tt.reason, a.Revision, f)
			}
		case f == nil || f.Condition != tt.condition || f.Unknown != (tt.condition == ""):
			t.Errorf("%s: %q, %+v", tt.reason, a.Revision, f)
		}
	}
	extracted, f := s.Artifact(context.Background(), sourceObject(t, "OCIRepository", "any", `url: "oci://reg.test/b"`), nil)
	if f != nil || extracted.Blob != nil || len(extracted.Files) != 1 || extracted.Files[0].Path != "demo/Chart.yaml" {
		t.Errorf("a layer is extracted: %v, %+v", paths(extracted.Files), f)
	}
	copied, f := s.Artifact(context.Background(), sourceObject(t, "OCIRepository", "any", `url: "oci://reg.test/b", layerSelector: {operation: copy}`), nil)
	if f != nil || copied.Files != nil || len(copied.Blob) == 0 {
		t.Errorf("operation copy keeps the layer: %v, %+v", paths(copied.Files), f)
	}
	dir := New(Options{Tree: repo.FromFiles(nil), Workdir: t.TempDir()})
	if p, err := dir.Dir(copied); err != nil {
		t.Error(err)
	} else if _, err := os.Stat(filepath.Join(p, "demo", "Chart.yaml")); err != nil {
		t.Errorf("a consumer unpacks the layer: %v", err)
	}
}

func TestBucket(t *testing.T) {
	m := loadMap(t, "sources:\n- {kind: Bucket, namespace: apps, name: b, path: data}",
		"data/apps/a.yaml", "data/apps/logo.png", "data/other/b.yaml", "data/apps/.sourceignore", "data/.github/c.yaml")
	s := New(Options{Tree: repo.FromFiles(nil), Map: m})
	for _, tt := range []struct {
		reason, spec string
		want         []string
	}{
		{"no default excludes, nested ignore files mean nothing", ``, []string{".github/c.yaml", "apps/.sourceignore", "apps/a.yaml", "apps/logo.png", "other/b.yaml"}},
		{"keys keep their prefix", `, prefix: apps/, ignore: "*.png"`, []string{"apps/.sourceignore", "apps/a.yaml"}},
	} {
		a, f := s.Artifact(context.Background(), sourceObject(t, "Bucket", "b", `endpoint: minio.test, bucketName: data`+tt.spec), nil)
		if f != nil {
			t.Errorf("%s: %s", tt.reason, f.Message)
		} else if diff := cmp.Diff(tt.want, paths(a.Files)); diff != "" || !strings.HasPrefix(a.Revision, "sha256:") {
			t.Errorf("%s: revision %q\n%s", tt.reason, a.Revision, diff)
		}
	}
	_, f := s.Artifact(context.Background(), sourceObject(t, "Bucket", "x", `endpoint: minio.test, bucketName: data`), nil)
	if f == nil || !f.Unknown || !strings.Contains(f.Message, "(minio.test/data)") {
		t.Errorf("a bucket that nobody listed: %+v", f)
	}
}

func TestOtherKinds(t *testing.T) {
	s := New(Options{Tree: repo.FromFiles(nil)})
	if _, f := s.Artifact(context.Background(), sourceObject(t, "ExternalArtifact", "e", ""), nil); f == nil || !f.Unknown || f.Reason != ReasonNoArtifact {
		t.Errorf("an ExternalArtifact without generator: %+v", f)
	}
	if _, f := s.Artifact(context.Background(), object(t, "{apiVersion: v1, kind: ConfigMap}"), nil); f == nil || f.Unknown || f.Reason != ReasonKind {
		t.Errorf("a ConfigMap as a source: %+v", f)
	}
	if _, f := s.Chart(context.Background(), ChartRequest{Chart: "x"}, nil); f == nil || f.Reason != ReasonNotFound {
		t.Errorf("a chart without a source: %+v", f)
	}
	if _, f := s.Chart(context.Background(), ChartRequest{Source: sourceObject(t, "OCIRepository", "o", ""), Chart: "x"}, nil); f == nil || f.Reason != ReasonKind {
		t.Errorf("a chart of an OCIRepository: %+v", f)
	}
	if got, want := NotFound(finding.Ref{Group: Group, Kind: "GitRepository", Namespace: "apps", Name: "absent"}).Message,
		`GitRepository.source.toolkit.fluxcd.io "absent" not found`; got != want {
		t.Errorf("NotFound: %q, want %q", got, want)
	}
}
