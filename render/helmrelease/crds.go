package helmrelease

import (
	"bytes"
	"fmt"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/render"
)

var crdKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// crdsError is a file in crds/ that cannot be read.
type crdsError struct {
	path string // with the names of the charts around
	name string // in its own chart
	err  error
}

// Error words it as helm-controller does.
func (e *crdsError) Error() string {
	return fmt.Sprintf("failed to apply CustomResourceDefinitions: failed to parse CustomResourceDefinitions from %s: %s", e.name, e.err)
}

// CRDs returns the CustomResourceDefinitions in the crds folders of the chart
// and of its enabled subcharts, with the labels of their owner, whatever the
// policy of the release.
func (p Prepared) CRDs() ([]*unstructured.Unstructured, error) {
	c, err := p.Chart.Load()
	if err != nil {
		return nil, err
	}
	values, _ := copyValues(p.Values).(map[string]any)
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		return nil, fmt.Errorf("failed to process chart dependencies: %w", err)
	}
	files, err := crdFiles(c)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for _, f := range files {
		if f.object.GroupVersionKind().GroupKind() == crdKind.GroupKind() {
			own(p.HelmRelease, f.object)
			out = append(out, f.object)
		}
	}
	return out, nil
}

// own writes the labels of the HelmRelease.
func own(hr *v2.HelmRelease, u *unstructured.Unstructured) {
	u.SetLabels(with(with(u.GetLabels(), Group+"/name", hr.Name), Group+"/namespace", hr.Namespace))
}

type crdFile struct {
	path   string
	object *unstructured.Unstructured
}

// crdFiles reads all objects in crds folders.
func crdFiles(c *helmchart.Chart) ([]crdFile, error) {
	var out []crdFile
	for _, crd := range c.CRDObjects() {
		for _, text := range documents(string(crd.File.Data)) {
			content := map[string]any{}
			data, err := yaml.YAMLToJSON([]byte(text))
			if err == nil && bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
				continue
			}
			u := &unstructured.Unstructured{Object: content}
			if err == nil {
				err = u.UnmarshalJSON(data)
			}
			if err != nil {
				return nil, &crdsError{path: crd.Filename, name: crd.Name, err: err}
			}
			out = append(out, crdFile{path: crd.Filename, object: u})
		}
	}
	return out, nil
}

// readCRDs fills in the CRDs that the policy of the release applies.
func (r *renderRun) readCRDs() error {
	policy := r.prepared.HelmRelease.GetInstall().CRDs
	if r.in.Upgrade {
		policy = r.prepared.HelmRelease.GetUpgrade().CRDs
	}
	if policy == v2.Skip {
		return nil
	}
	files, err := crdFiles(r.chart)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.object.GroupVersionKind().GroupKind() != crdKind.GroupKind() {
			p := r.templateProblem(ReasonNotCRD, fmt.Sprintf("%s is no CustomResourceDefinition and is ignored", render.RefOf(f.object)), f.path)
			p.Hint = "move it from crds to templates"
			r.problems = append(r.problems, located(r.in, p))
			continue
		}
		own(r.prepared.HelmRelease, f.object)
		o := r.origin(f.path)
		o.Writers = nil
		r.crds = append(r.crds, &render.Object{Unstructured: f.object, Origin: o})
	}
	return nil
}

// chartScopes are the scopes of the kinds that CRDs among the objects define.
func chartScopes(objects []*render.Object) map[schema.GroupKind]string {
	out := map[schema.GroupKind]string{}
	for _, o := range objects {
		if o.GroupVersionKind().GroupKind() == crdKind.GroupKind() {
			gk, scope := scopeOf(o.Unstructured)
			out[gk] = scope
		}
	}
	return out
}

func scopeOf(crd *unstructured.Unstructured) (schema.GroupKind, string) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
	return schema.GroupKind{Group: group, Kind: kind}, scope
}
