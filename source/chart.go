package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/fluxcd/pkg/version"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// invalidChart is the condition reason of a chart reference that cannot be resolved.
const invalidChart = "InvalidChartReference"

// Chart resolves the chart that a HelmChart object asks for. The Condition of a
// Failure is the one of the HelmChart object.
func (s *Set) Chart(ctx context.Context, req ChartRequest, get Getter) (Chart, *Failure) {
	if req.Source == nil {
		return Chart{}, &Failure{Condition: "SourceUnavailable", Problem: finding.Problem{
			Reason: ReasonNotFound, Message: fmt.Sprintf("the source of chart %q is not found", req.Chart),
			Hint: "create the source object, or correct spec.chart.spec.sourceRef",
		}}
	}
	switch req.Source.GetKind() {
	case "HelmRepository":
		return s.repositoryChart(ctx, req)
	case "GitRepository", "Bucket":
		return s.folderChart(ctx, req, get)
	}
	f := refusal(req.Source, ReasonKind, "SourceUnavailable",
		fmt.Sprintf("failed to get source: unsupported source kind '%s'", req.Source.GetKind()))
	return Chart{}, f.at("", "use a HelmRepository, GitRepository or Bucket")
}

// sourceless wraps the failure of a source: its HelmChart only reports that
// there is no artifact.
func sourceless(src *unstructured.Unstructured, f *Failure) *Failure {
	if f.Unknown {
		return f
	}
	out := *f
	out.Condition = "NoSourceArtifact"
	out.Message = fmt.Sprintf("no artifact available for %s source '%s'", src.GetKind(), src.GetName())
	out.Related = append(slices.Clone(f.Related), finding.Related{Pos: f.Pos, Message: f.Object.String() + ": " + f.Message})
	return &out
}

// repositoryChart resolves a chart of a Helm repository from the source map.
func (s *Set) repositoryChart(_ context.Context, req ChartRequest) (Chart, *Failure) {
	if f := helmURL(req.Source); f != nil {
		if text(req.Source, "spec", "type") == "oci" {
			return Chart{}, f
		}
		return Chart{}, sourceless(req.Source, f)
	}
	found, named := s.Map.chart(req)
	if found.row == nil {
		found = s.Map.chartArtifact(req, found)
		named = named || len(s.Map.artifactRows(req)) > 0
	}
	if found.row == nil && found.closed {
		return Chart{}, noSuchChart(req, named)
	}
	if found.row == nil || found.row.Path == "" {
		what := fmt.Sprintf("chart %q", req.Chart)
		extra := [][2]string{{"chart", req.Chart}}
		if req.Version != "" {
			what += fmt.Sprintf(" version %q", req.Version)
			extra = append(extra, [2]string{"version", fmt.Sprintf("%q", req.Version)})
		}
		return Chart{}, notLocal(req.Source, absence{what: what, extra: extra})
	}
	c, err := s.localChart(req, found)
	if err != nil {
		return Chart{}, unreadable(req.Source, fmt.Sprintf("%q", found.row.Path), err)
	}
	return c, nil
}

// localChart reads the archive or folder of a row.
func (s *Set) localChart(req ChartRequest, m found) (Chart, error) {
	c := Chart{Name: req.Chart, Version: m.version}
	info, err := os.Stat(m.row.Path)
	if err != nil {
		return Chart{}, err
	}
	key := fmt.Sprintf("chart %q", m.row.Path)
	if !info.IsDir() {
		b := s.shared.contents.do(key, func() built {
			blob, err := os.ReadFile(m.row.Path)
			if err == nil {
				_, err = unpack(blob)
			}
			return built{blob: blob, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), err: err}
		})
		c.Archive, c.Digest = b.blob, b.digest
		return c, b.err
	}
	tree, err := s.folder(m.row.Path, refOf(req.Source))
	if err != nil {
		return Chart{}, err
	}
	b := s.shared.contents.do(key, func() built { return load(treeNodes(tree)) })
	if b.err == nil && !slices.ContainsFunc(b.files, func(f File) bool { return f.Path == "Chart.yaml" }) {
		return Chart{}, fmt.Errorf("the folder %q holds no Chart.yaml", filepath.Base(m.row.Path))
	}
	c.Files, c.Digest = b.files, b.digest
	return c, b.err
}

// chartArtifact looks for a chart of an OCI Helm repository among the rows of
// kind OCIRepository: the URL of the chart is the one of the repository and its name.
func (m *Map) chartArtifact(req ChartRequest, none found) found {
	rows := m.artifactRows(req)
	if len(rows) == 0 {
		return none
	}
	var best pick
	for _, r := range rows {
		tag := r.Resolved
		if tag == "" {
			tag = r.Ref.Tag
		}
		ver := ociVersion(tag)
		if ver == req.Version && ver != "" {
			return found{row: r, version: ver, known: true}
		}
		if v, ok := satisfies(ver, req.Version); ok {
			best.offer(r, ver, v)
		}
	}
	return found{row: best.row, version: best.text, known: true, closed: none.closed || m.closed(rows)}
}

func (m *Map) artifactRows(req ChartRequest) []*row {
	url := text(req.Source, "spec", "url")
	if !strings.HasPrefix(url, "oci://") {
		return nil
	}
	none := &unstructured.Unstructured{Object: map[string]any{}}
	return m.rowsOf("OCIRepository", none, strings.TrimRight(url, "/")+"/"+req.Chart)
}

// noSuchChart is what the controller reports for a chart or version that the
// repository has not.
func noSuchChart(req ChartRequest, named bool) *Failure {
	pointer := "/spec/chart/spec/version"
	cause := fmt.Sprintf("no '%s' chart with version matching '%s' found", req.Chart, req.Version)
	condition, summary := invalidChart, "invalid chart reference"
	isOCI := text(req.Source, "spec", "type") == "oci"
	_, concrete := version.ParseVersion(req.Version)
	switch {
	case isOCI && concrete == nil:
		return noSuchChartTag(req)
	case isOCI:
		condition, summary = "ChartPullError", "chart pull error"
		cause = "could not locate a version matching provided version string " + req.Version
		if _, err := semver.NewConstraint(req.Version); err != nil && req.Version != "" {
			cause = err.Error()
		}
		if !named {
			pointer = "/spec/chart/spec/chart"
			url := strings.TrimRight(text(req.Source, "spec", "url"), "/") + "/" + req.Chart
			cause = fmt.Sprintf("could not get tags for %q: could not fetch tags for %q: GET %q: response status code 404: name unknown: Unknown name",
				req.Chart, url, chartEndpoint(req)+"/tags/list")
		}
	case !named:
		cause, pointer = "no chart name found", "/spec/chart/spec/chart"
	default:
		if _, err := semver.NewConstraint(req.Version); err != nil && req.Version != "" {
			cause = err.Error()
		}
	}
	f := refusal(req.Source, ReasonChart, condition,
		summary+": failed to get chart version for remote reference: "+cause)
	return f.at(pointer, "")
}

// noSuchChartTag is what the controller reports for a version of a chart that
// the registry has not. It asks for no list of versions then.
func noSuchChartTag(req ChartRequest) *Failure {
	url := strings.TrimRight(text(req.Source, "spec", "url"), "/") + "/" + req.Chart + ":" + req.Version
	f := refusal(req.Source, ReasonChart, "ChartPullError", fmt.Sprintf(
		"chart pull error: failed to download chart for remote reference: failed to get '%s': failed to perform \"FetchReference\" on source: %s: not found",
		url, strings.TrimPrefix(url, "oci://")))
	return f.at("/spec/chart/spec/version", "")
}

// chartEndpoint is the address at which the API of a registry answers for a chart.
func chartEndpoint(req ChartRequest) string {
	at := req.Source.DeepCopy()
	if spec, ok := at.Object["spec"].(map[string]any); ok {
		spec["url"] = strings.TrimRight(text(req.Source, "spec", "url"), "/") + "/" + req.Chart
	}
	return endpoint(at)
}

// folderChart resolves a chart that is a folder or an archive in the artifact
// of a GitRepository or Bucket. The version is ignored, as the controller does.
func (s *Set) folderChart(ctx context.Context, req ChartRequest, get Getter) (Chart, *Failure) {
	a, f := s.Artifact(ctx, req.Source, get)
	if f != nil {
		return Chart{}, sourceless(req.Source, f)
	}
	dir := rooted(req.Chart)
	c := Chart{Revision: a.Revision, Root: a.Files, Path: dir}
	meta, err := c.locate(a.Files, dir)
	if err == nil {
		err = c.describe(meta, dir)
	}
	if err != nil {
		f := refusal(req.Source, ReasonChart, invalidChart, "invalid chart reference: "+err.Error())
		return Chart{}, f.at("/spec/chart/spec/chart", fmt.Sprintf("name the folder of a chart, relative to the root of %s", refOf(req.Source)))
	}
	return c, nil
}

// locate fills in the content of the chart and returns its Chart.yaml.
func (c *Chart) locate(files []File, dir string) ([]byte, error) {
	var meta []byte
	isFolder := dir == "."
	for _, f := range files {
		if f.Path == dir {
			c.Archive = f.Data
			c.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(f.Data))
			return archiveMeta(f)
		}
		rel, ok := within(f.Path, dir)
		if !ok {
			continue
		}
		isFolder = true
		if rel == "Chart.yaml" {
			meta = f.Data
		}
		f.Path = rel
		c.Files = append(c.Files, f)
	}
	switch {
	case !isFolder:
		return nil, fmt.Errorf("stat %s: no such file or directory", dir)
	case meta == nil:
		return nil, fmt.Errorf("open %s: no such file or directory", path.Join(dir, "Chart.yaml"))
	}
	digest, err := Digest(c.Files)
	c.Digest = digest
	return meta, err
}

func archiveMeta(f File) ([]byte, error) {
	files, err := unpack(f.Data)
	if err != nil {
		return nil, err
	}
	for _, m := range files {
		if strings.Count(m.Path, "/") == 1 && path.Base(m.Path) == "Chart.yaml" {
			return bytes.Clone(m.Data), nil
		}
	}
	return nil, errors.New("no 'Chart.yaml' found")
}

// describe takes name and version from Chart.yaml.
func (c *Chart) describe(meta []byte, dir string) error {
	var m struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	if err := yaml.Unmarshal(meta, &m); err != nil {
		return fmt.Errorf("cannot load 'Chart.yaml': %w", err)
	}
	switch {
	case m.Name == "":
		return errors.New("validation: chart.metadata.name is required")
	case m.Version == "":
		return errors.New("validation: chart.metadata.version is required")
	}
	if _, err := semver.NewVersion(m.Version); err != nil {
		return fmt.Errorf("validation: chart.metadata.version %q is invalid", m.Version)
	}
	c.Name, c.Version, c.Path = m.Name, m.Version, dir
	return nil
}
