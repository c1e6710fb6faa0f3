package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/beside"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// widgets is a definition; what it allows is up to rule.
func widgets(kind, rule string) string {
	return fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: %[1]ss.example.com},
spec: {group: example.com, scope: Namespaced, names: {kind: Widget, plural: %[1]ss}, versions: [{name: v1, served: true, storage: true,
schema: {openAPIV3Schema: {type: object, properties: {size: {type: integer, %[2]s}}}}}]}}`, kind, rule)
}

// brings are the definitions that a Kustomization brings.
func brings(t *testing.T, texts ...string) *simulate.Running {
	t.Helper()
	owner := &render.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{"kind": "Kustomization"}}}
	out := &simulate.Running{Declares: func(finding.Ref) bool { return true }}
	for _, text := range texts {
		out.Definitions = append(out.Definitions, &render.Object{Unstructured: edit(t, text).Object, Origin: render.Origin{Owner: owner}})
	}
	return out
}

func TestDefinedAhead(t *testing.T) {
	flux := objects(t, beside.Folder(t, "conformance")+"/crds")
	crd := widgets("widget", "maximum: 3")
	widget := "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: default}, size: %d}"
	trees := []map[string]string{
		{"clusters/a.yaml": crd + "\n---\n" + fmt.Sprintf(widget, 3)}, {"clusters/a.yaml": crd + "\n---\n" + fmt.Sprintf(widget, 4)},
	}
	o := simulate.Options{Running: brings(t, crd), States: true, Emulate: simulate.RealCluster()}
	want := replay(t, server(t), o, trees...)
	if len(want.States[0]) == 0 || want.Steps[1].Owners[1].State != render.Failed {
		t.Fatalf("the replay shows nothing: %v", want.Steps[1].Owners)
	}

	o.Config, o.FluxCRDs = server(t), flux
	ahead, err := simulate.NewAhead(o)
	if err != nil {
		t.Fatal(err)
	}
	less := o
	less.Running = nil
	ahead.Define(t.Context(), less)
	if ahead.Fits(o) {
		t.Error("it fits before all is defined")
	}
	ahead.Define(t.Context(), o)
	for why, other := range map[string]simulate.Options{
		"one definition less": less, "another definition": {FluxCRDs: flux, Running: brings(t, widgets("widget", "maximum: 4"))},
		"a definition twice": {FluxCRDs: flux, Running: brings(t, crd, crd)},
		"live objects":       {FluxCRDs: flux, Running: o.Running, Live: []*unstructured.Unstructured{edit(t, fmt.Sprintf(widget, 1)).Object}},
	} {
		if ahead.Fits(other) {
			t.Errorf("it fits with %s", why)
		}
	}
	if !ahead.Fits(o) {
		t.Fatal("it does not fit")
	}
	o.Ahead = ahead
	got := replay(t, o.Config, o, trees...)
	timeless := cmpopts.IgnoreMapEntries(func(key string, _ any) bool { return key == "time" })
	if d := cmp.Diff(want.States, got.States, timeless); d != "" {
		t.Errorf("the clusters differ (-all in turn +defined ahead):\n%s", d)
	}
	for i := range want.Steps {
		if d := cmp.Diff(outlined(want.Steps[i]), outlined(got.Steps[i])); d != "" {
			t.Errorf("the steps differ (-all in turn +defined ahead):\n%s", d)
		}
	}
}

// outlined is what a step says.
func outlined(s simulate.Step) []string {
	var out []string
	for _, o := range s.Owners {
		out = append(out, fmt.Sprint(o.Ref, o.State, o.Ready))
	}
	for _, c := range s.Changes {
		out = append(out, fmt.Sprint(c.Object, c.Action, c.Fields))
	}
	return append(out, fmt.Sprint(s.Events, s.Notes))
}

// TestUnfitAhead defines what the server does not take as it comes: the replay
// has to see that.
func TestUnfitAhead(t *testing.T) {
	for why, texts := range map[string][]string{
		"two of one kind": {widgets("widget", ""), widgets("gadget", "")},
		"a refused one":   {widgets("widget", "minLength: 1, default: x")},
	} {
		t.Run(why, func(t *testing.T) {
			o := simulate.Options{Config: server(t), Running: brings(t, texts...)}
			ahead, err := simulate.NewAhead(o)
			if err != nil {
				t.Fatal(err)
			}
			ahead.Define(t.Context(), o)
			if ahead.Fits(o) {
				t.Error("it fits")
			}
		})
	}
}
