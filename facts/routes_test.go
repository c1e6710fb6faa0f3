package facts

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func ingressOf(name, host, service, port string) string {
	return "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: " + name + ", namespace: shop}, spec: {rules: [{host: " + host +
		", http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: " + service + ", port: {" + port + "}}}}]}}]}}"
}

func TestHostMoved(t *testing.T) {
	old, next := ingressOf("old", "shop.test", "web", "number: 80"), ingressOf("next", "shop.test", "web", "number: 80")
	route := "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, spec: {hostnames: [shop.test], " +
		"parentRefs: [{name: g}], rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]}}"
	gateway := func(name string) string {
		return "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: " + name + ", namespace: shop}, spec: {listeners: [{hostname: shop.test, port: 443}]}}"
	}
	moves := func(from, to string) Step {
		return Step{Objects: []Object{changed(t, diff.Delete, from, ""), changed(t, diff.Create, "", to)}, Routes: []map[string]any{object(t, to)}}
	}
	check(t, "to another Ingress", moves(old, next), want{"host-moved", finding.Warning, "Ingress/shop/next", "/spec/rules/0/host",
		"serves shop.test (/) from now on, instead of Ingress/shop/old"})
	check(t, "to an HTTPRoute", moves(old, route), want{"host-moved", finding.Warning, "HTTPRoute/shop/r", "/spec/hostnames/0",
		"serves shop.test (/) from now on, instead of Ingress/shop/old"})
	check(t, "from one Gateway to another", moves(gateway("a"), gateway("b")), want{"host-moved", finding.Warning, "Gateway/shop/b", "/spec/listeners/0/hostname",
		"serves shop.test (port 443) from now on, instead of Gateway/shop/a"})
	check(t, "a Gateway takes no host from a route", moves(old, gateway("a")))
	check(t, "the host is another one", moves(old, ingressOf("next", "store.test", "web", "number: 80")))
	both := moves(old, next)
	both.Objects = both.Objects[1:]
	both.Routes = append([]map[string]any{object(t, old)}, both.Routes...)
	check(t, "the old one keeps it: that is a contest", both, want{"host-contested", finding.Warning, "Ingress/shop/next", "/spec/rules/0/host",
		"claims shop.test/ (Prefix), as Ingress/shop/old does"})
}

func TestLeadsNowhere(t *testing.T) {
	service := "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {ports: [{port: 80, name: http}]}}"
	moved := strings.Replace(service, "port: 80, name: http", "port: 8080, name: web", 1)
	byNumber, byName := ingressOf("front", "shop.test", "web", "number: 80"), ingressOf("front", "shop.test", "web", "name: http")
	route := "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, spec: {rules: [{backendRefs: [{name: web, port: 80}]}]}}"
	gone := changed(t, diff.Delete, service, "")
	check(t, "the Service goes", Step{Objects: []Object{gone}, Routes: []map[string]any{object(t, byNumber)}},
		want{"selects-nothing", finding.Warning, "Ingress/shop/front", "/spec/rules/0/http/paths/0/backend", "sends requests to Service/shop/web, which is there no more"})
	check(t, "and a route leads to it", Step{Objects: []Object{gone}, Routes: []map[string]any{object(t, route)}},
		want{"selects-nothing", finding.Warning, "HTTPRoute/shop/r", "/spec/rules/0/backendRefs/0", "sends requests to Service/shop/web, which is there no more"})
	ports := Step{Objects: []Object{changed(t, diff.Update, service, moved)}, Services: []map[string]any{object(t, moved)}}
	ports.Routes = []map[string]any{object(t, byName)}
	check(t, "its port gets another name", ports, want{"selects-nothing", finding.Warning, "Ingress/shop/front", "/spec/rules/0/http/paths/0/backend",
		`sends requests to port "http" of Service/shop/web, which has that port no more`})
	check(t, "a Service that never was is made by somebody else", Step{Objects: []Object{changed(t, diff.Create, "", byNumber)}, Routes: []map[string]any{object(t, byNumber)}})
	check(t, "all is there", Step{Objects: []Object{changed(t, diff.Update, service, service)}, Routes: []map[string]any{object(t, byNumber)},
		Services: []map[string]any{object(t, service)}})
}

func TestImagesOfCustomResources(t *testing.T) {
	widget := func(image string) string {
		return "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: shop}, spec: {imageName: " + image + ", parts: [{image: {repository: part, tag: v1}}]}}"
	}
	check(t, "another one", Step{Objects: []Object{changed(t, diff.Update, widget("w:1"), strings.Replace(widget("w:1"), "tag: v1", "tag: v2", 1))}},
		want{"image-changed", finding.Info, "Widget/shop/w", "/spec/parts/0/image", "gets the image part:v2 instead of part:v1 in spec.parts.0.image"})
	check(t, "and one in a field", Step{Objects: []Object{changed(t, diff.Update, widget("w:1"), widget("w:2"))}},
		want{"image-changed", finding.Info, "Widget/shop/w", "/spec/imageName", "gets the image w:2 instead of w:1 in spec.imageName"})
	check(t, "the same", Step{Objects: []Object{changed(t, diff.Update, widget("w:1"), widget("w:1"))}})
}

func TestIdentities(t *testing.T) {
	flux := func(spec string) string {
		return "{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: apps, namespace: flux-system}, spec: {" + spec + "}}"
	}
	is := func(why, before, after string, expected ...want) {
		t.Helper()
		check(t, why, Step{Objects: []Object{changed(t, diff.Update, before, after)}}, expected...)
	}
	about := "Kustomization/flux-system/apps"
	is("no account any more", flux("serviceAccountName: shop"), flux(""), want{"privilege-widened", finding.Warning, about, "/spec/serviceAccountName",
		`acts with the rights of the controller, no longer with those of service account "shop"`})
	is("an account from now on", flux(""), flux("serviceAccountName: shop"))
	is("another namespace", flux("targetNamespace: a"), flux("targetNamespace: b"), want{"privilege-widened", finding.Warning, about, "/spec/targetNamespace",
		`applies to namespace "b" instead of "a"`})
	is("another cluster", flux("kubeConfig: {secretRef: {name: prod}}"), flux(""), want{"privilege-widened", finding.Warning, about, "/spec/kubeConfig/secretRef/name",
		`acts on this cluster, no longer on that of Secret "prod"`})
	source := func(spec string) string {
		return "{apiVersion: source.toolkit.fluxcd.io/v1, kind: OCIRepository, metadata: {name: app, namespace: flux-system}, spec: {" + spec + "}}"
	}
	is("from elsewhere", source(`url: "oci://a"`), source(`url: "oci://b"`), want{"privilege-widened", finding.Warning, "OCIRepository/flux-system/app", "/spec/url",
		`takes what is applied from "oci://b" instead of "oci://a"`})
	is("not verified", source("verify: {provider: cosign}"), source(""), want{"privilege-widened", finding.Warning, "OCIRepository/flux-system/app", "/spec",
		"is taken without a signature from now on, which was verified before"})
	account := "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: shop}}"
	is("an identity of the cloud", account, strings.Replace(account, "name: a", "annotations: {eks.amazonaws.com/role-arn: arn}, name: a", 1),
		want{"privilege-widened", finding.Warning, "ServiceAccount/shop/a", "/metadata/annotations/eks.amazonaws.com~1role-arn", `acts in the cloud as "arn"`})
	guard := "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}}"
	check(t, "a guard goes", Step{Objects: []Object{changed(t, diff.Delete, guard, "")}}, want{"privilege-widened", finding.Warning, "NetworkPolicy/shop/deny", "",
		"is deleted: traffic that it kept from the pods it selects is let through, unless another policy selects them"})
}

func TestRoles(t *testing.T) {
	role := func(labels, rules string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r, labels: {" + labels + "}}, rules: [" + rules + "]}"
	}
	read, escalate := "{apiGroups: [''], resources: [pods], verbs: [get]}", "{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]}"
	edit := object(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit}, "+
		"aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-edit: yes-please}}]}}")
	check(t, "a new role that gives little", Step{Objects: []Object{changed(t, diff.Create, "", role("", read))}},
		want{"privilege-widened", finding.Info, "ClusterRole/r", "/rules", `allows "get" on "pods"`})
	check(t, "a new role that leads to everything", Step{Objects: []Object{changed(t, diff.Create, "", role("", escalate))}},
		want{"privilege-widened", finding.Warning, "ClusterRole/r", "/rules", `allows "escalate" on "roles" of group "rbac.authorization.k8s.io": that lets it give itself any right`})
	check(t, "another role collects its rules", Step{Roles: []map[string]any{edit}, Objects: []Object{changed(t, diff.Update, role("to-edit: yes-please", ""), role("to-edit: yes-please", read))}},
		want{"privilege-widened", finding.Warning, "ClusterRole/r", "/rules", `allows "get" on "pods", also to whoever is bound to "edit", which collects its rules`})
	check(t, "another role collects its rules from now on", Step{Roles: []map[string]any{edit}, Objects: []Object{changed(t, diff.Update, role("", read), role("to-edit: yes-please", read))}},
		want{"privilege-widened", finding.Warning, "ClusterRole/r", "/metadata/labels", `gives its rules to whoever is bound to "edit"`})
	binding := func(role string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, roleRef: {kind: ClusterRole, name: " + role + "}, " +
			"subjects: [{kind: ServiceAccount, name: app, namespace: shop}]}"
	}
	check(t, "a new binding to a role of its own", Step{Objects: []Object{changed(t, diff.Create, "", binding("app"))}},
		want{"privilege-widened", finding.Info, "RoleBinding/shop/b", "/subjects/0", `gives the rights of ClusterRole "app" to ServiceAccount "shop/app" in namespace "shop"`})
	check(t, "a new binding to one that reaches far", Step{Objects: []Object{changed(t, diff.Create, "", binding("admin"))}},
		want{"privilege-widened", finding.Warning, "RoleBinding/shop/b", "/subjects/0", `gives the rights of ClusterRole "admin" to ServiceAccount "shop/app" in namespace "shop"`})
}
