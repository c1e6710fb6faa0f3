package helmrelease

import (
	"testing"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

func TestPrepareValues(t *testing.T) {
	config := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "namespace": "team"},
		"data": map[string]any{"values.yaml": "a: {k: 1, l: 1}\n", "bad": "a: [", "comma": "hello, world"},
	}}
	unsure := finding.Ref{Kind: "Secret", Namespace: "team", Name: "unsure"}
	c := cluster{objects: []*unstructured.Unstructured{config}, unsure: map[finding.Ref]bool{unsure: true}}
	for _, row := range []struct {
		why, spec string
		state     render.State
		message   string
		field     string
	}{
		{"inline values win", "  valuesFrom: [{kind: ConfigMap, name: c}]\n  values: {a: {l: 2}}\n", render.Rendered, "", ""},
		{"a missing object", "  valuesFrom: [{kind: ConfigMap, name: c}, {kind: Secret, name: absent}]\n", render.Failed,
			`could not resolve Secret chart values reference 'team/absent' with key 'values.yaml': secrets "absent" not found`, "/spec/valuesFrom/1"},
		{"a missing object that is optional", "  valuesFrom: [{kind: ConfigMap, name: c}, {kind: Secret, name: absent, optional: true}]\n  values: {a: {l: 2}}\n", render.Rendered, "", ""},
		{"a missing key", "  valuesFrom: [{kind: ConfigMap, name: c, valuesKey: no}]\n", render.Failed,
			"could not resolve ConfigMap chart values reference 'team/c' with key 'no': key not found", "/spec/valuesFrom/0"},
		{"a value that --set does not take", "  valuesFrom: [{kind: ConfigMap, name: c, valuesKey: comma, targetPath: t}]\n", render.Failed,
			`could not resolve ConfigMap chart values reference 'team/c' with key 'comma': key " world" has no value`, "/spec/valuesFrom/0"},
		{"a Secret whose content is not known", "  valuesFrom: [{kind: Secret, name: unsure, optional: true}]\n", render.Unknown, "", "/spec/valuesFrom/0"},
	} {
		t.Run(row.why, func(t *testing.T) {
			p, f := Prepare(t.Context(), input(simple(t, row.spec), c, sources{charts: map[string]source.Chart{"demo": chart(t, nil)}}))
			if f == nil {
				a, _ := p.Values["a"].(map[string]any)
				if row.state != render.Rendered || len(a) != 2 || a["l"] != float64(2) {
					t.Errorf("values %v", p.Values)
				}
				return
			}
			if f.State != row.state || f.Ready.Message != row.message || f.Problem.Field != row.field {
				t.Errorf("state %s, message %q, field %s", f.State, f.Ready.Message, f.Problem.Field)
			}
			if f.State == render.Failed && f.Ready.Reason != "ValuesError" {
				t.Errorf("condition %+v", f.Ready)
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	hr := simple(t, "  dependsOn: [{name: a}, {name: b, namespace: other}]\n  valuesFrom: [{kind: Secret, name: s, optional: true}]\n")
	want := []render.Need{
		{Kind: render.NeedDependency, Ref: finding.Ref{Group: Group, Kind: Kind, Namespace: "team", Name: "a"}, Field: "/spec/dependsOn/0"},
		{Kind: render.NeedDependency, Ref: finding.Ref{Group: Group, Kind: Kind, Namespace: "other", Name: "b"}, Field: "/spec/dependsOn/1"},
		{Kind: render.NeedSource, Ref: finding.Ref{Group: sourceGroup, Kind: "HelmRepository", Namespace: "team", Name: "repo"}, Field: "/spec/chart/spec/sourceRef"},
		{Kind: render.NeedData, Ref: finding.Ref{Kind: "Secret", Namespace: "team", Name: "s"}, Optional: true, Field: "/spec/valuesFrom/0"},
	}
	if diff := cmp.Diff(want, New(Options{}).Needs(hr, render.DefaultSettings())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	external := release(t, "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: team}\nspec: {chartRef: {kind: ExternalArtifact, name: x, namespace: far}}\n")
	want = []render.Need{{Kind: render.NeedSource, Ref: finding.Ref{Group: sourceGroup, Kind: "ExternalArtifact", Namespace: "far", Name: "x"}, Field: "/spec/chartRef"}}
	if diff := cmp.Diff(want, New(Options{}).Needs(external, render.DefaultSettings())); diff != "" {
		t.Errorf("chartRef (-want +got):\n%s", diff)
	}
	broken := release(t, "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app, namespace: team}\nspec: {chart: text}\n")
	if got := New(Options{}).Needs(broken, render.DefaultSettings()); got != nil {
		t.Errorf("an object of a wrong shape needs %v", got)
	}
	if got := New(Options{}).Render(t.Context(), input(broken, cluster{}, sources{})); got.State != render.Failed || got.Reason != ReasonSpec {
		t.Errorf("an object of a wrong shape is %s, %s", got.State, got.Reason)
	}
}

func TestReleaseName(t *testing.T) {
	hr := func(name, release, target string) *v2.HelmRelease {
		out := &v2.HelmRelease{}
		out.Name, out.Spec.ReleaseName, out.Spec.TargetNamespace = name, release, target
		return out
	}
	for _, row := range []struct {
		why  string
		hr   *v2.HelmRelease
		want string
	}{
		{"the name of the object", hr("app", "", ""), "app"},
		{"with the target namespace", hr("app", "", "to"), "to-app"},
		{"as it is asked for", hr("app", "rel", "to"), "rel"},
		{"53 bytes are not too many", hr("a1234567890123456789012345678901234567890123456789012", "", ""), "a1234567890123456789012345678901234567890123456789012"},
		{"54 bytes are", hr("a12345678901234567890123456789012345678901234567890123", "", ""), "a123456789012345678901234567890123456789-9e6ae851ec12"},
	} {
		if got := ReleaseName(row.hr); got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}
