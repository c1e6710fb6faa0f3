package release

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// chart is a chart by its files; Chart.yaml is made up when missing.
type chart map[string]string

func (c chart) files() []source.File {
	out := []source.File{{Path: "Chart.yaml", Data: []byte("{apiVersion: v2, name: demo, version: 1.0.0}")}}
	for path, text := range c {
		if path == "Chart.yaml" {
			out[0].Data = []byte(text)
			continue
		}
		out = append(out, source.File{Path: path, Data: []byte(text)})
	}
	return out
}

// world serves one chart from a repository that needs no object.
type world struct{ chart chart }

func (w world) Artifact(context.Context, finding.Ref) (source.Artifact, *source.Failure) {
	return source.Artifact{}, &source.Failure{Problem: finding.Problem{Reason: "none", Message: "there is no artifact"}}
}

func (w world) Chart(_ context.Context, _ finding.Ref, name, _ string) (source.Chart, *source.Failure) {
	return source.Chart{Name: name, Version: "1.0.0", Files: w.chart.files()}, nil
}

func (w world) Get(context.Context, finding.Ref) (*unstructured.Unstructured, render.Presence) {
	return nil, render.Absent
}

func (w world) List(context.Context, schema.GroupVersionKind, string) []*unstructured.Unstructured {
	return nil
}

func (w world) Capabilities(context.Context) render.Capabilities { return render.Capabilities{} }

// play is one HelmRelease through several reconciliations, in a namespace of its own.
type play struct {
	t          *testing.T
	config     *rest.Config
	client     client.Client
	namespace  string
	object     *unstructured.Unstructured
	generation int64
}

func newPlay(t *testing.T, namespace string) *play {
	t.Helper()
	config := plane.Config()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &play{t: t, config: config, client: c, namespace: namespace}
	p.apply(fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", namespace))
	return p
}

func (p *play) parse(text string) *unstructured.Unstructured {
	p.t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		p.t.Fatal(err)
	}
	return u
}

func (p *play) apply(text string) {
	p.t.Helper()
	u := p.parse(text)
	if err := p.client.Create(p.t.Context(), u, client.FieldOwner("kubectl")); err != nil {
		p.t.Fatal(err)
	}
}

// live is an object of the play, nil when it does not exist.
func (p *play) live(apiVersion, kind, name string) map[string]any {
	p.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	err := p.client.Get(p.t.Context(), client.ObjectKey{Namespace: p.namespace, Name: name}, u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Object
}

// data is the data of a ConfigMap, nil when it does not exist.
func (p *play) data(name string) map[string]any {
	p.t.Helper()
	m, _ := p.live("v1", "ConfigMap", name)["data"].(map[string]any)
	return m
}

// want changes the spec of the HelmRelease; each change is a generation.
func (p *play) want(spec string) {
	p.t.Helper()
	text := fmt.Sprintf("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: %s}\nspec:\n"+
		"  interval: 1h\n  chart: {spec: {chart: demo, sourceRef: {kind: HelmRepository, name: charts}}}\n%s", p.namespace, spec)
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		p.t.Fatal(err)
	}
	if p.object != nil && p.object.Object["status"] != nil {
		u.Object["status"] = p.object.Object["status"]
	}
	p.generation++
	u.SetGeneration(p.generation)
	p.object = u
}

func (p *play) prepare(c chart) helmrelease.Prepared {
	p.t.Helper()
	w := world{chart: c}
	prepared, failed := helmrelease.Prepare(p.t.Context(), render.Input{
		Object: &render.Object{Unstructured: p.object}, Settings: render.DefaultSettings(), Cluster: w, Sources: w,
	})
	if failed != nil {
		p.t.Fatalf("the chart is not prepared: %+v", failed)
	}
	return prepared
}

func (p *play) reconcile(c chart) Result {
	p.t.Helper()
	return p.keep(Reconcile(p.t.Context(), Request{
		Config: p.config, Object: p.object, Settings: render.DefaultSettings(), Prepared: p.prepare(c),
	}))
}

func (p *play) uninstall() Result {
	p.t.Helper()
	return p.keep(Uninstall(p.t.Context(), Request{Config: p.config, Object: p.object, Settings: render.DefaultSettings()}))
}

func (p *play) keep(result Result, err error) Result {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	status, err := result.StatusMap()
	if err != nil {
		p.t.Fatal(err)
	}
	p.object.Object["status"] = status
	return result
}

// outcome is what tests compare of a result.
type outcome struct {
	Ready, Next string
	Conditions  []string
	History     []string
	Inventory   []string
	Events      []string
}

func (p *play) expect(got Result, want outcome) {
	p.t.Helper()
	ready := got.Ready()
	have := outcome{
		Ready: ready.Status + " " + ready.Reason + ": " + ready.Message, Next: string(got.Next),
		History: got.History(), Inventory: got.Inventory(),
	}
	for _, c := range got.Conditions() {
		have.Conditions = append(have.Conditions, c.Type+"="+c.Status+" "+c.Reason)
	}
	for _, e := range got.Events {
		have.Events = append(have.Events, e.Type+" "+e.Reason)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		p.t.Errorf("outcome (-want +have):\n%s", diff)
	}
}

func configMap(name, data string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {%s}\n", name, data)
}
