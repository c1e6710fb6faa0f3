package helmrelease

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"

	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// maxChartFile is the largest file of a chart folder that source-controller reads.
const maxChartFile = 5 << 20

// folderFiles returns the files of a chart folder that .helmignore leaves, and
// where they stand in the repository.
func folderFiles(files []source.File) ([]*loader.BufferedFile, map[string]*repo.File, error) {
	rules, err := ignoreRules(files)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot load ignore rules for chart: %w", err)
	}
	origins := map[string]*repo.File{}
	var out []*loader.BufferedFile
	for _, f := range files {
		if ignored(rules, f.Path) {
			continue
		}
		if len(f.Data) > maxChartFile {
			return nil, nil, fmt.Errorf("cannot load file %s as file size (%d) exceeds limit (%d)", f.Path, len(f.Data), maxChartFile)
		}
		out = append(out, &loader.BufferedFile{Name: f.Path, Data: bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))})
		if f.Origin != nil {
			origins[f.Path] = f.Origin
		}
	}
	return out, origins, nil
}

func ignoreRules(files []source.File) (*ignore.Rules, error) {
	rules := ignore.Empty()
	for _, f := range files {
		if f.Path == ignoreFile {
			var err error
			if rules, err = ignore.Parse(bytes.NewReader(f.Data)); err != nil {
				return nil, err
			}
		}
	}
	rules.AddDefaults()
	return rules, nil
}

// ignored reports whether a rule leaves out the file or a folder around it.
func ignored(rules *ignore.Rules, name string) bool {
	for i := range len(name) {
		if name[i] == '/' && rules.Ignore(name[:i], entry{name: path.Base(name[:i]), mode: fs.ModeDir}) {
			return true
		}
	}
	return rules.Ignore(name, entry{name: path.Base(name)})
}

// entry describes a file to ignore rules.
type entry struct {
	name string
	mode fs.FileMode
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return 0 }
func (e entry) Mode() fs.FileMode  { return e.mode }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.mode.IsDir() }
func (e entry) Sys() any           { return nil }

// below returns the files of a folder of an artifact, with paths relative to it.
func below(files []source.File, folder string) []source.File {
	if folder == "" || folder == "." {
		return files
	}
	var out []source.File
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f.Path, folder+"/"); ok {
			f.Path = rest
			out = append(out, f)
		}
	}
	return out
}

// inside joins path elements below the root of an artifact. Nothing leads out of it.
func inside(elements ...string) string {
	return strings.TrimPrefix(path.Join("/", path.Join(elements...)), "/")
}
