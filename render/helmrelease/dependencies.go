package helmrelease

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// addDependencies adds the dependencies of a chart folder that do not stand in
// its charts folder. Chart.lock goes before Chart.yaml.
func (b build) addDependencies(ctx context.Context, c *Chart) (*Chart, *buildError) {
	loaded, err := c.Load()
	if err != nil {
		return nil, refuse("ChartPackageError", err.Error(), finding.Problem{Reason: ReasonChartPackage, Field: b.fields + "/chart"})
	}
	missing := missingDependencies(loaded)
	if len(missing) == 0 {
		return c, nil
	}
	out := &Chart{files: slices.Clone(c.files), origins: maps.Clone(c.origins), resolved: len(missing)}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		var refused *buildError
		if dep := missing[name]; dep.Repository == "" || strings.HasPrefix(dep.Repository, "file://") {
			refused = b.addLocal(out, name, dep)
		} else {
			refused = b.addRemote(ctx, out, dep)
		}
		if refused != nil {
			return nil, refused
		}
	}
	return b.loadable(out)
}

// missingDependencies are the required dependencies that are not vendored, by
// alias or name. An equal number counts as complete, as in the controller.
func missingDependencies(c *helmchart.Chart) map[string]*helmchart.Dependency {
	required := c.Metadata.Dependencies
	if c.Lock != nil {
		required = c.Lock.Dependencies
	}
	if len(c.Dependencies()) == len(required) {
		return nil
	}
	missing := map[string]*helmchart.Dependency{}
	for _, dep := range required {
		if dep == nil {
			continue
		}
		name := either(dep.Alias, dep.Name)
		if !slices.ContainsFunc(c.Dependencies(), func(have *helmchart.Chart) bool { return have.Name() == name }) {
			missing[name] = dep
		}
	}
	return missing
}

// addLocal adds a chart of the same artifact.
func (b build) addLocal(c *Chart, name string, dep *helmchart.Dependency) *buildError {
	fail := func(text string) *buildError {
		return b.dependencyError(fmt.Sprintf("failed to add local dependency '%s': %s", name, text))
	}
	folder := inside(b.chart.Path, "charts", dep.Name)
	if dep.Repository != "" {
		u, err := url.Parse(dep.Repository)
		if err != nil {
			return fail("failed to parse alleged local chart reference: " + err.Error())
		}
		folder = inside(b.chart.Path, u.Host, u.Path)
	}
	files, origins, err := b.localChart(folder)
	if err == nil && files == nil {
		return fail(fmt.Sprintf("no chart found at '/%s' (reference '%s')", folder, dep.Repository))
	}
	constraint, invalid := semver.NewConstraint(dep.Version)
	if invalid != nil {
		return fail(fmt.Sprintf("invalid version/constraint format '%s': %s", dep.Version, invalid))
	}
	var loaded *helmchart.Chart
	if err == nil {
		loaded, err = (&Chart{files: files}).Load()
	}
	if err != nil {
		return fail(fmt.Sprintf("failed to load chart from '/%s' (reference '%s'): %s", folder, dep.Repository, err))
	}
	version, err := semver.NewVersion(loaded.Metadata.Version)
	if err != nil {
		return fail(err.Error())
	}
	if !constraint.Check(version) {
		return fail(fmt.Sprintf("can't get a valid version for constraint '%s'", dep.Version))
	}
	if err := c.vendor(files, origins, dep); err != nil {
		return fail(err.Error())
	}
	return nil
}

// localChart returns the files of a chart folder or archive of the artifact,
// nil when there is none.
func (b build) localChart(at string) ([]*loader.BufferedFile, map[string]*repo.File, error) {
	if data, ok := dataOf(b.chart.Root, at); ok {
		files, err := b.renderer.charts.unpack(data)
		return files, nil, err
	}
	files := below(b.chart.Root, at)
	if len(files) == 0 {
		return nil, nil, nil
	}
	return folderFiles(files)
}

// vendor puts the files of a dependency into the charts folder.
func (c *Chart) vendor(files []*loader.BufferedFile, origins map[string]*repo.File, dep *helmchart.Dependency) error {
	if dep.Alias != "" {
		var err error
		if files, err = withName(files, dep.Alias); err != nil {
			return err
		}
	}
	folder := "charts/" + either(dep.Alias, dep.Name) + "/"
	for _, f := range files {
		c.files = append(c.files, &loader.BufferedFile{Name: folder + f.Name, Data: f.Data})
		if o := origins[f.Name]; o != nil {
			c.origins[folder+f.Name] = o
		}
	}
	return nil
}

// addRemote adds a chart of the HelmRepository of the same namespace that has
// the URL of the dependency. Charts of other repositories are not at hand.
func (b build) addRemote(ctx context.Context, c *Chart, dep *helmchart.Dependency) *buildError {
	fail := func(text string) *buildError {
		return b.dependencyError(fmt.Sprintf("failed to add remote dependency '%s': %s", either(dep.Alias, dep.Name), text))
	}
	if strings.HasPrefix(dep.Repository, "@") || strings.HasPrefix(dep.Repository, "alias:") {
		return fail("aliased repository dependency is not supported: " + dep.Repository)
	}
	owner := b.repositoryAt(ctx, dep.Repository)
	if owner == nil {
		return b.notVendored(dep)
	}
	found, f := b.in.Sources.Chart(ctx, render.RefOf(owner), dep.Name, dep.Version)
	if f != nil && f.Unknown {
		return b.notVendored(dep)
	}
	if f != nil {
		return fail(fmt.Sprintf("failed to get chart '%s' version '%s' from '%s': %s", dep.Name, dep.Version, dep.Repository, f.Message))
	}
	files, err := b.renderer.charts.unpack(found.Archive)
	if err == nil {
		err = c.vendor(files, nil, dep)
	}
	if err != nil {
		return fail(fmt.Sprintf("failed to load downloaded archive of version '%s': %s", found.Version, err))
	}
	return nil
}

func (b build) notVendored(dep *helmchart.Dependency) *buildError {
	return &buildError{unknown: true, problem: finding.Problem{
		Reason: ReasonDependencyRemote, Field: b.fields + "/chart",
		Message: fmt.Sprintf("the dependency %q of the chart %q comes from %q and is not at hand", dep.Name, b.spec.Chart, dep.Repository),
		Hint:    fmt.Sprintf("put it into %q with \"helm dependency build\", or add its repository to the source map", inside(b.chart.Path, "charts")),
	}}
}

// repositoryAt returns the HelmRepository with the URL, nil when there is none.
func (b build) repositoryAt(ctx context.Context, at string) *unstructured.Unstructured {
	gvk := schema.GroupVersionKind{Group: sourceGroup, Version: "v1", Kind: "HelmRepository"}
	for _, u := range b.in.Cluster.List(ctx, gvk, b.namespace) {
		have, _, _ := unstructured.NestedString(u.Object, "spec", "url")
		if strings.TrimRight(have, "/") == strings.TrimRight(at, "/") {
			return u
		}
	}
	return nil
}

func (b build) dependencyError(text string) *buildError {
	return refuse("DependencyBuildError", text, finding.Problem{Reason: ReasonDependency, Field: b.fields + "/chart"})
}
