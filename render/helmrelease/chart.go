package helmrelease

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"sync"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Chart is a chart as helm-controller loads it: version metadata added, values
// files merged, dependencies in place. It is immutable.
type Chart struct {
	files    []*loader.BufferedFile // paths relative to the chart
	origins  map[string]*repo.File  // where files of a local chart stand in the repository
	version  string                 // replaces the one of Chart.yaml when not empty
	verbatim []byte                 // the archive, when nothing in it was changed
	resolved int                    // dependencies that were added to it
}

// Resolved is the number of dependencies that did not stand in the chart and
// were added to it.
func (c *Chart) Resolved() int { return c.resolved }

// Load returns the chart for Helm 3. Each call returns a new one, as Helm
// changes the charts that it is given. Errors are in the words of Helm 4.
func (c *Chart) Load() (*helmchart.Chart, error) {
	loaded, err := loader.LoadFiles(c.files)
	if err == nil {
		err = mergeValuesDocuments(loaded)
	}
	if err != nil {
		if _, verdict := c.loadHelm4(); verdict != nil {
			return nil, verdict
		}
		return nil, err
	}
	sortDependencies(loaded)
	if c.version != "" {
		loaded.Metadata.Version = c.version
	}
	return loaded, nil
}

// sortDependencies puts the subcharts in the order of their names; Helm yields
// them in the order of a map.
func sortDependencies(c *helmchart.Chart) {
	deps := slices.Clone(c.Dependencies())
	for _, d := range deps {
		sortDependencies(d)
	}
	slices.SortStableFunc(deps, func(a, b *helmchart.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(deps...)
}

// mergeValuesDocuments merges the documents of each values.yaml that has
// several. Helm 3 reads the first one, Helm 4 merges them.
func mergeValuesDocuments(c *helmchart.Chart) error {
	for _, f := range c.Raw {
		if f.Name != valuesFile || !bytes.Contains(f.Data, []byte("\n---")) {
			continue
		}
		var err error
		if c.Values, err = valuesDocuments(f.Data); err != nil {
			return fmt.Errorf("cannot load values.yaml: %w", err)
		}
	}
	for _, d := range c.Dependencies() {
		if err := mergeValuesDocuments(d); err != nil {
			return err
		}
	}
	return nil
}

// Archive returns the chart packed as .tgz. Equal charts give equal bytes.
func (c *Chart) Archive() ([]byte, error) {
	if c.verbatim != nil && c.version == "" {
		return c.verbatim, nil
	}
	files := c.files
	meta, err := chartMetadata(files)
	if err != nil {
		return nil, err
	}
	if c.version != "" {
		if files, err = withVersion(files, c.version); err != nil {
			return nil, err
		}
	}
	return pack(files, meta.Name)
}

// file returns the file of the repository that holds the template, for a
// chart that stands in the repository. The path starts with the chart's name.
func (c *Chart) file(templatePath string) *repo.File {
	return c.origins[withinChart(templatePath)]
}

// withinChart removes the name of the chart from the path of a template.
func withinChart(templatePath string) string {
	for i := range len(templatePath) {
		if templatePath[i] == '/' {
			return templatePath[i+1:]
		}
	}
	return templatePath
}

// position is the place in a template of a local chart. Line 0 is the file as a whole.
func (c *Chart) position(templatePath string, line, col int) finding.Position {
	f := c.file(templatePath)
	if f == nil {
		return finding.Position{}
	}
	p := f.Position(line, col)
	p.Precision = finding.PrecisionExact
	if line == 0 {
		p.Line, p.Col, p.Precision = 0, 0, finding.PrecisionFile
	}
	return p
}

// pack writes files below a folder as a packed chart, without times.
func pack(files []*loader.BufferedFile, folder string) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for _, f := range files {
		h := &tar.Header{Name: path.Join(folder, f.Name), Mode: 0o644, Size: int64(len(f.Data)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	if err := zipped.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	return out.Bytes(), nil
}

// artifactChart reads the artifact of a chartRef as helm-controller does: as a
// packed chart, whose first folder has any name.
func (r *Renderer) artifactChart(a source.Artifact) (*Chart, error) {
	data := a.Blob
	if data == nil {
		files := make([]*loader.BufferedFile, len(a.Files))
		for i, f := range a.Files {
			files[i] = &loader.BufferedFile{Name: f.Path, Data: f.Data}
		}
		var err error
		if data, err = pack(files, ""); err != nil {
			return nil, err
		}
	}
	files, err := r.charts.unpack(data)
	if err != nil {
		return nil, err
	}
	c := &Chart{files: files, verbatim: data, origins: map[string]*repo.File{}}
	for _, f := range a.Files {
		if f.Origin != nil {
			c.origins[withinChart(f.Path)] = f.Origin
		}
	}
	if _, err := c.Load(); err != nil {
		return nil, err
	}
	return c, nil
}

// chartCache unpacks each archive once.
type chartCache struct{ entries sync.Map }

func newChartCache() *chartCache { return &chartCache{} }

type unpacked struct {
	files []*loader.BufferedFile
	err   error
}

// unpack returns the files of a packed chart. They must not be changed.
func (c *chartCache) unpack(data []byte) ([]*loader.BufferedFile, error) {
	entry, _ := c.entries.LoadOrStore(sha256.Sum256(data), sync.OnceValue(func() unpacked {
		files, err := loader.LoadArchiveFiles(bytes.NewReader(data))
		if err != nil {
			err = archiveRefusal(data, err)
		}
		return unpacked{files: files, err: err}
	}))
	u := entry.(func() unpacked)()
	return u.files, u.err
}
