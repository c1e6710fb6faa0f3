package facts

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func list(t *testing.T, texts ...string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, text := range texts {
		out = append(out, object(t, text))
	}
	return out
}

func TestSelectsNothing(t *testing.T) {
	const (
		shop    = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web, tier: front}}}}}`
		renamed = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: store, tier: front}}}}}`
		other   = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: other}, spec: {template: {metadata: {labels: {app: web}}}}}`
		service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}}}"
		budget  = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web, namespace: shop}, spec: {selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}}"
		policy  = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all, namespace: shop}, spec: {podSelector: {}}}"
		tier    = "{apiVersion: v1, kind: Service, metadata: {name: tier, namespace: shop}, spec: {selector: {tier: front}}}"
		foreign = "{apiVersion: v1, kind: Service, metadata: {name: foreign, namespace: shop}, spec: {selector: {app: operator}}}"
	)
	message := "selects no workload of the cluster any more, and selected Deployment/shop/web before"
	check(t, "the labels of the pods change; those of another namespace do not count, nor does what selected nothing before, or everything",
		Step{Objects: []Object{changed(t, diff.Update, shop, renamed)}, Selectors: list(t, service, budget, policy, tier, foreign), Runners: list(t, renamed, other)},
		want{"selects-nothing", finding.Warning, "PodDisruptionBudget/shop/web", "/spec/selector", message},
		want{"selects-nothing", finding.Warning, "Service/shop/web", "/spec/selector", message},
		want{"restarted", finding.Info, "Deployment/shop/web", "/spec/template", "its pods are replaced, some at a time"})
	check(t, "the workload goes, and its Service stays", Step{Objects: []Object{changed(t, diff.Delete, shop, "")}, Selectors: list(t, service), Runners: list(t, other)},
		want{"selects-nothing", finding.Warning, "Service/shop/web", "/spec/selector", message})
	wrong := "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: typo}}}"
	check(t, "the selector changes", Step{Objects: []Object{changed(t, diff.Update, service, wrong)}, Selectors: list(t, wrong), Runners: list(t, shop)},
		want{"selects-nothing", finding.Warning, "Service/shop/web", "/spec/selector", message})
	check(t, "another workload takes over", Step{Objects: []Object{changed(t, diff.Delete, shop, "")}, Selectors: list(t, service),
		Runners: list(t, `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}}`)})
}

func TestHostContested(t *testing.T) {
	ingress := func(name, more, path string) string {
		return "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: " + name + ", namespace: shop" + more +
			"}, spec: {ingressClassName: nginx, rules: [{host: shop.test, http: {paths: [{path: " + path + ", pathType: Prefix}]}}]}}"
	}
	canary := ", annotations: {nginx.ingress.kubernetes.io/canary: 'true'}"
	check(t, "the same host and path; another path is another claim, and so is a canary",
		Step{Routes: list(t, ingress("a", "", "/"), ingress("b", "", "/"), ingress("c", "", "/api"), ingress("d", canary, "/"))},
		want{"host-contested", finding.Warning, "Ingress/shop/b", "/spec/rules/0/host", "claims shop.test/ (Prefix), as Ingress/shop/a does"})
	route := func(name, parent string) string {
		return "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: " + name + ", namespace: shop}, spec: {parentRefs: [{name: " + parent +
			"}], hostnames: [shop.test], rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]}}"
	}
	check(t, "the same Gateway; another one is another entrance", Step{Routes: list(t, route("a", "public"), route("b", "public"), route("c", "private"))},
		want{"host-contested", finding.Warning, "HTTPRoute/shop/b", "/spec/hostnames/0",
			`claims shop.test/ (PathPrefix), as HTTPRoute/shop/a does`})
	rules := func(name, rule string) string {
		return strings.Replace(route(name, "public"), "{matches: [{path: {type: PathPrefix, value: /}}]}", rule, 1)
	}
	header := "{matches: [{headers: [{name: x, value: z}]}]}"
	check(t, "a rule that says nothing is about everything; a header is another claim",
		Step{Routes: list(t, rules("a", "{}"), rules("b", header), rules("c", "{matches: [{path: {value: /}}]}"), rules("d", header))},
		want{"host-contested", finding.Warning, "HTTPRoute/shop/c", "/spec/hostnames/0", "claims shop.test/ (PathPrefix), as HTTPRoute/shop/a does"},
		want{"host-contested", finding.Warning, "HTTPRoute/shop/d", "/spec/hostnames/0",
			`claims shop.test/ (PathPrefix) with {"headers":[{"name":"x","value":"z"}]}, as HTTPRoute/shop/b does`})
}
