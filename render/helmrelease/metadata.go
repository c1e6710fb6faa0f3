package helmrelease

import (
	"errors"
	"fmt"
	"slices"

	"github.com/Masterminds/semver/v3"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"
)

// The files of a chart that have a meaning by name.
const (
	chartFile        = "Chart.yaml"
	requirementsFile = "requirements.yaml"
	valuesFile       = "values.yaml"
	ignoreFile       = ".helmignore"
)

// errNoChartFile is a folder or archive that is no chart.
var errNoChartFile = errors.New("no 'Chart.yaml' found")

func fileNamed(files []*loader.BufferedFile, name string) *loader.BufferedFile {
	i := slices.IndexFunc(files, func(f *loader.BufferedFile) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return files[i]
}

// chartMetadata reads Chart.yaml, and requirements.yaml of old charts.
func chartMetadata(files []*loader.BufferedFile) (*helmchart.Metadata, error) {
	meta, err := chartFileMetadata(files)
	if err != nil {
		return nil, err
	}
	if f := fileNamed(files, requirementsFile); f != nil {
		if err := yaml.Unmarshal(f.Data, meta); err != nil {
			return nil, fmt.Errorf("cannot load 'requirements.yaml': %w", err)
		}
	}
	return meta, nil
}

func chartFileMetadata(files []*loader.BufferedFile) (*helmchart.Metadata, error) {
	f := fileNamed(files, chartFile)
	if f == nil {
		return nil, errNoChartFile
	}
	meta := &helmchart.Metadata{}
	if err := yaml.Unmarshal(f.Data, meta); err != nil {
		return nil, fmt.Errorf("cannot load 'Chart.yaml': %w", err)
	}
	if meta.APIVersion == "" {
		meta.APIVersion = helmchart.APIVersionV1
	}
	return meta, nil
}

// withVersion returns the files with another version in Chart.yaml.
func withVersion(files []*loader.BufferedFile, version string) ([]*loader.BufferedFile, error) {
	return rewritten(files, func(m *helmchart.Metadata) { m.Version = version })
}

// withName returns the files with another name in Chart.yaml.
func withName(files []*loader.BufferedFile, name string) ([]*loader.BufferedFile, error) {
	return rewritten(files, func(m *helmchart.Metadata) { m.Name = name })
}

func rewritten(files []*loader.BufferedFile, change func(*helmchart.Metadata)) ([]*loader.BufferedFile, error) {
	meta, err := chartFileMetadata(files)
	if err != nil {
		return nil, err
	}
	change(meta)
	data, err := yaml.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("write 'Chart.yaml': %w", err)
	}
	return withFile(files, chartFile, data), nil
}

// withFile returns the files with other content in one of them.
func withFile(files []*loader.BufferedFile, name string, data []byte) []*loader.BufferedFile {
	out := slices.Clone(files)
	for i, f := range out {
		if f.Name == name {
			out[i] = &loader.BufferedFile{Name: name, Data: data}
		}
	}
	return out
}

// versionWithMetadata adds build metadata to a chart version.
func versionWithMetadata(version, metadata string) (string, error) {
	v, err := semver.NewVersion(version)
	if err != nil {
		return "", fmt.Errorf("failed to parse version from chart metadata as SemVer: %w", err)
	}
	extended, err := v.SetMetadata(metadata)
	if err != nil {
		return "", fmt.Errorf("failed to set SemVer metadata on chart version: %w", err)
	}
	return extended.String(), nil
}
