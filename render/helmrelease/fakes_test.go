package helmrelease

import (
	"context"
	"maps"
	"slices"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// cluster holds objects; those in unsure have an unknown content.
type cluster struct {
	objects []*unstructured.Unstructured
	unsure  map[finding.Ref]bool
}

func (c cluster) Get(_ context.Context, ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	if c.unsure[ref] {
		return nil, render.Unsure
	}
	for _, u := range c.objects {
		if render.RefOf(u) == ref {
			return u, render.Present
		}
	}
	return nil, render.Absent
}

func (c cluster) List(_ context.Context, gvk schema.GroupVersionKind, namespace string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, u := range c.objects {
		if u.GroupVersionKind().GroupKind() == gvk.GroupKind() && (namespace == "" || u.GetNamespace() == namespace) {
			out = append(out, u)
		}
	}
	return out
}

func (c cluster) Capabilities(context.Context) render.Capabilities {
	return render.Capabilities{KubeVersion: "v1.37.2", APIVersions: []string{"apps/v1", "apps/v1/Deployment", "v1", "v1/ConfigMap"}}
}

// sources answers with charts by name and with artifacts by ref.
type sources struct {
	charts    map[string]source.Chart
	artifacts map[finding.Ref]source.Artifact
}

func (s sources) Artifact(_ context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	if a, ok := s.artifacts[ref]; ok {
		return a, nil
	}
	return source.Artifact{}, source.NotFound(ref)
}

func (s sources) Chart(_ context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	if c, ok := s.charts[chart]; ok {
		return c, nil
	}
	return source.Chart{}, source.NotFound(ref)
}

// packed is a chart archive of the files.
func packed(t *testing.T, name string, files map[string]string) []byte {
	t.Helper()
	var list []*loader.BufferedFile
	for _, path := range slices.Sorted(maps.Keys(files)) {
		list = append(list, &loader.BufferedFile{Name: path, Data: []byte(files[path])})
	}
	data, err := pack(list, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// chart is a packed chart "demo" 1.0.0 with the files added.
func chart(t *testing.T, files map[string]string) source.Chart {
	t.Helper()
	all := map[string]string{"Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\nappVersion: \"7\"\n", "values.yaml": ""}
	maps.Copy(all, files)
	return source.Chart{Name: "demo", Version: "1.0.0", Archive: packed(t, "demo", all)}
}

// release reads the first HelmRelease of a repository of one file.
func release(t *testing.T, text string) *render.Object {
	t.Helper()
	tree := repo.FromFiles(map[string]string{"hr.yaml": text})
	for _, d := range tree.Documents() {
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		if m["kind"] == Kind {
			return &render.Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: render.Origin{Doc: d}}
		}
	}
	t.Fatal("no HelmRelease in the text")
	return nil
}

// simple is a HelmRelease of the chart demo, with more of spec.
func simple(t *testing.T, spec string) *render.Object {
	t.Helper()
	return release(t, `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: app
  namespace: team
spec:
  interval: 1h
  chart:
    spec:
      chart: demo
      sourceRef: {kind: HelmRepository, name: repo}
`+spec)
}

func input(obj *render.Object, c cluster, s sources) render.Input {
	return render.Input{Object: obj, Settings: render.DefaultSettings(), Cluster: c, Sources: s}
}

// renderDemo renders a HelmRelease of a chart with the files.
func renderDemo(t *testing.T, spec string, files map[string]string) render.Result {
	t.Helper()
	in := input(simple(t, spec), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, files)}})
	return New(Options{Namespaced: scopes}).Render(t.Context(), in)
}

// scopes knows the few kinds of the tests that live in no namespace.
func scopes(gvk schema.GroupVersionKind) (namespaced, known bool) {
	switch gvk.Kind {
	case "ClusterRole", "Namespace", "CustomResourceDefinition":
		return false, true
	case "ConfigMap", "Secret", "Deployment", "Service", "Job", "ServiceAccount":
		return true, true
	}
	return false, false
}
