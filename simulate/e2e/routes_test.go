package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// gatewayKind defines a kind of the Gateway API, as loosely as can be.
func gatewayKind(kind, plural string) string {
	return fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: %[2]s.gateway.networking.k8s.io,
annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/gateway-api/pull/2466"}},
spec: {group: gateway.networking.k8s.io, scope: Namespaced, names: {kind: %[1]s, plural: %[2]s, singular: %[3]s}, versions: [{name: v1, served: true, storage: true,
schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`, kind, plural, strings.ToLower(kind))
}

func httpRoute(name, host, service string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name + ", namespace: default}\nspec:\n  parentRefs: [{name: front}]\n  hostnames: [" + host +
		"]\n  rules:\n  - matches: [{path: {type: PathPrefix, value: /}}]\n    backendRefs: [{name: " + service + ", port: 80}]\n"
}

func listens(name, host string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: " + name + ", namespace: default}\nspec:\n  gatewayClassName: any\n  listeners:\n  - {name: web, port: 443, protocol: HTTPS, hostname: " + host + "}\n"
}

// Routes and gateways of a cluster give the facts that Ingresses give.
func TestFactsOfRoutes(t *testing.T) {
	base := map[string]string{
		"clusters/kinds.yaml": child("kinds", ""), "kinds/routes.yaml": gatewayKind("HTTPRoute", "httproutes"), "kinds/gateways.yaml": gatewayKind("Gateway", "gateways"),
		"clusters/app.yaml": child("app", "dependsOn: [{name: kinds}],"), "app/web.yaml": service, "app/api.yaml": strings.Replace(service, "name: web", "name: api", 1),
		"app/first.yaml": httpRoute("first", "shop.test", "web"), "app/moves.yaml": httpRoute("moves", "api.test", "api"),
		"app/front.yaml": listens("front", "edge.test"),
	}
	head := maps.Clone(base)
	head["app/second.yaml"] = httpRoute("second", "shop.test", "web")
	delete(head, "app/moves.yaml")
	head["app/moved.yaml"] = httpRoute("moved", "api.test", "web")
	delete(head, "app/web.yaml")
	delete(head, "app/front.yaml")
	head["app/edge.yaml"] = listens("edge", "edge.test")
	last := replayed(t, simulate.Options{}, base, head)[1]
	want := []string{
		"warning HTTPRoute/default/second /spec/hostnames/0 claims shop.test/ (PathPrefix), as HTTPRoute/default/first does",
		"warning Gateway/default/edge /spec/listeners/0/hostname serves edge.test (port 443) from now on, instead of Gateway/default/front",
		"warning HTTPRoute/default/moved /spec/hostnames/0 serves api.test (/) from now on, instead of HTTPRoute/default/moves",
		"warning HTTPRoute/default/first /spec/rules/0/backendRefs/0 sends requests to Service/default/web, which is there no more",
		"warning HTTPRoute/default/moved /spec/rules/0/backendRefs/0 sends requests to Service/default/web, which is there no more",
		"warning HTTPRoute/default/second /spec/rules/0/backendRefs/0 sends requests to Service/default/web, which is there no more",
	}
	if d := cmp.Diff(want, told(last, "host-contested", "host-moved", "selects-nothing")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, f := range last.Facts {
		if f.Object.Name == "second" && f.Fact == "host-contested" && f.Pos.String() != "app/second.yaml:6:15" {
			t.Errorf("the host is at %s", f.Pos)
		}
	}
}

// What the server refuses of a chart of the repository is told with the value
// that makes it, else with the template.
func TestPlacesOfCharts(t *testing.T) {
	tree := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "label: app\nimage: app:1\n",
		"chart/templates/all.yaml": strings.Replace(chart, "spec:\n  selector", "spec:\n  replicas: {{ .Values.replicas }}\n  selector", 1),
		"clusters/releases.yaml":   child("releases", ""), "clusters/space.yaml": child("space", ""), "space/space.yaml": space("strict", "pod-security.kubernetes.io/enforce: restricted"),
		"releases/bad.yaml":  ofChart("bad", "", "name: bad, replicas: -1"),
		"releases/pods.yaml": ofChart("pods", "targetNamespace: strict, dependsOn: [],", "name: pods, replicas: 1"),
	}
	step := replayed(t, simulate.Options{Releases: releases.New()}, tree)[0]
	var got []string
	for _, c := range step.Changes {
		if c.Action == diff.Fail {
			got = append(got, fmt.Sprintf("%s %s %s", c.Object, c.Pos, c.Error.Causes[0].Pos))
		}
	}
	for _, f := range step.Facts {
		got = append(got, fmt.Sprintf("%s %s %s", f.Fact, f.Object, f.Pos))
	}
	slices.Sort(got)
	want := []string{"Deployment/default/bad releases/bad.yaml:2:163 releases/bad.yaml:2:163", "pods-refused Deployment/strict/pods chart/templates/all.yaml"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("places (-want +got):\n%s", d)
	}
}
