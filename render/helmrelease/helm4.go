// This file alone uses Helm 4. Charts are rendered with Helm 3; Helm 4 gives
// what Helm 3 cannot give and helm-controller does:
//   - its engine takes replacements for template functions, so that charts that
//     read the clock or random numbers, or that say with a value how long a text
//     or list is, render the same in every run and within bounds;
//   - templates that look at what Helm 4 presents in another shape (survey.go);
//   - the texts of errors, which the controller writes into the Ready condition;
//   - several documents in values.yaml, and the versions that it says it is.

package helmrelease

import (
	"bytes"
	"cmp"
	"slices"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil4 "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

// loadHelm4 is Load for Helm 4.
func (c *Chart) loadHelm4() (*chart4.Chart, error) {
	files := make([]*archive.BufferedFile, len(c.files))
	for i, f := range c.files {
		files[i] = &archive.BufferedFile{Name: f.Name, Data: f.Data}
	}
	loaded, err := loader4.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	sortHelm4Dependencies(loaded)
	if c.version != "" {
		loaded.Metadata.Version = c.version
	}
	return loaded, nil
}

func sortHelm4Dependencies(c *chart4.Chart) {
	deps := slices.Clone(c.Dependencies())
	for _, d := range deps {
		sortHelm4Dependencies(d)
	}
	slices.SortStableFunc(deps, func(a, b *chart4.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(deps...)
}

// archiveRefusal is what Helm 4 says of an archive that Helm 3 refuses, else
// what Helm 3 says.
func archiveRefusal(data []byte, err error) error {
	if _, verdict := archive.LoadArchiveFiles(bytes.NewReader(data)); verdict != nil {
		return verdict
	}
	return err
}

// valuesDocuments merges the documents of a values.yaml.
func valuesDocuments(data []byte) (map[string]any, error) {
	return loader4.LoadValues(bytes.NewReader(data))
}

// capabilitiesOfHelm4 are the capabilities of a cluster that nothing is known
// of, and the version of Helm that templates see.
func capabilitiesOfHelm4() *chartutil.Capabilities {
	have := common.DefaultCapabilities
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = chartutil.KubeVersion{Version: have.KubeVersion.Version, Major: have.KubeVersion.Major, Minor: have.KubeVersion.Minor}
	caps.APIVersions = chartutil.VersionSet(slices.Clone(have.APIVersions))
	caps.HelmVersion.Version = have.HelmVersion.Version
	return caps
}

// renderHelm4 renders the templates of the release with Helm 4 and the
// functions that are safe here. The chart is loaded and its values are
// composed anew, as Helm 4 composes them.
func (r *renderRun) renderHelm4(values renderValues, look *lookups) (map[string]string, error) {
	c, err := r.prepared.Chart.loadHelm4()
	if err != nil {
		return nil, err
	}
	user, _ := copyValues(r.prepared.Values).(map[string]any)
	if err := chartutil4.ProcessDependencies(c, user); err != nil {
		return nil, err
	}
	caps := common.DefaultCapabilities.Copy()
	if v, err := common.ParseKubeVersion(values.kubeVersion); err == nil {
		caps.KubeVersion = *v
	}
	caps.APIVersions = common.VersionSet(values.capabilities.APIVersions)
	top, err := util.ToRenderValuesWithSchemaValidation(c, user, common.ReleaseOptions(values.release), caps, true)
	if err != nil {
		return nil, err
	}
	random := newSteady(r.prepared.ReleaseNamespace+"/"+r.prepared.ReleaseName, r.renderer.options.Now, r.renderer.rsaKey)
	e := engine.Engine{CustomTemplateFuncs: random.functions()}
	e.CustomTemplateFuncs["lookup"] = look.lookup
	return e.Render(c, top)
}
