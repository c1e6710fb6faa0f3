package facts

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestWorkloads(t *testing.T) {
	image := strings.Replace(web, "web:1", "web:2", 1)
	check(t, "an image", Step{Objects: []Object{changed(t, diff.Update, web, image)}},
		want{"image-changed", finding.Info, "Deployment/shop/web", "/spec/template/spec/containers/0/image", `container "web" gets the image web:2 instead of web:1`},
		want{"restarted", finding.Info, "Deployment/shop/web", "/spec/template", "its pods are replaced, some at a time"})
	check(t, "the template is as it was", Step{Objects: []Object{changed(t, diff.Update, web, strings.Replace(web, "replicas: 2", "replicas: 3", 1))}})
	check(t, "no pods are left", Step{Objects: []Object{changed(t, diff.Update, web, strings.Replace(image, "replicas: 2", "replicas: 0", 1))}},
		want{"scaled-to-zero", finding.Warning, "Deployment/shop/web", "/spec/replicas", "is scaled from 2 to 0: nothing of it runs any more"},
		want{"image-changed", finding.Info, "Deployment/shop/web", "/spec/template/spec/containers/0/image", `container "web" gets the image web:2 instead of web:1`})
	abrupt := strings.Replace(image, "replicas: 2", "replicas: 2, strategy: {type: Recreate}", 1)
	check(t, "all pods stop first", Step{Objects: []Object{changed(t, diff.Update, image, strings.Replace(abrupt, "name: A", "name: B", 1))}},
		want{"restarted", finding.Warning, "Deployment/shop/web", "/spec/template", `all its pods stop before new ones start: its strategy is "Recreate"`})
	check(t, "a new workload starts, nothing restarts", Step{Objects: []Object{changed(t, diff.Create, "", web)}})
}

func TestStaleEnvironment(t *testing.T) {
	a, b := strings.Replace(setting, "A: one", "A: two", 1), strings.Replace(setting, "B: one", "B: two", 1)
	running := []map[string]any{object(t, web)}
	check(t, "a variable that is read at the start", Step{Workloads: running, Objects: []Object{changed(t, diff.Update, setting, a)}},
		want{"stale-environment", finding.Warning, "ConfigMap/shop/settings", "/data", `Deployment/shop/web reads "A" of it when its pods start, and is not restarted`})
	check(t, "another key", Step{Workloads: running, Objects: []Object{changed(t, diff.Update, setting, b)}})
	check(t, "the workload restarts anyway", Step{Workloads: running,
		Objects: []Object{changed(t, diff.Update, setting, a), changed(t, diff.Recreate, web, web)}},
		want{"recreated", finding.Warning, "Deployment/shop/web", "", "is deleted and created again, which destroys all its pods at once, before new ones start"})
	files := object(t, `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {template: {spec: {
volumes: [{name: v, secret: {secretName: s, items: [{key: K, path: conf}]}}], containers: [{name: db, volumeMounts: [{name: v, subPath: conf}]}],
initContainers: [{name: init, envFrom: [{secretRef: {name: t}}]}]}}}}`)
	secret := "{apiVersion: v1, kind: Secret, metadata: {name: NAME, namespace: shop}, data: {K: VALUE, L: b25l}}"
	of := func(name, value string) string {
		return strings.NewReplacer("NAME", name, "VALUE", value).Replace(secret)
	}
	check(t, "a file that is mounted alone", Step{Workloads: []map[string]any{files}, Objects: []Object{changed(t, diff.Update, of("s", "b25l"), of("s", "dHdv"))}},
		want{"stale-environment", finding.Warning, "Secret/shop/s", "/data", `StatefulSet/shop/db reads "K" of it when its pods start, and is not restarted`})
	check(t, "all keys as variables", Step{Workloads: []map[string]any{files}, Objects: []Object{changed(t, diff.Update, of("t", "b25l"), of("t", "dHdv"))}},
		want{"stale-environment", finding.Warning, "Secret/shop/t", "/data", `StatefulSet/shop/db reads "K" of it when its pods start, and is not restarted`})
}

func TestPrivileges(t *testing.T) {
	warning := func(object, field, message string) want {
		return want{"privilege-widened", finding.Warning, object, field, message}
	}
	role := func(rules string) string {
		return "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: [" + rules + "]}"
	}
	bind := func(role, subjects string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop},
roleRef: {kind: ClusterRole, name: ` + role + "}, subjects: [" + subjects + "]}"
	}
	ns := func(labels string) string {
		return "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {" + labels + "}}}"
	}
	pod := func(spec string) string {
		return "{apiVersion: batch/v1, kind: CronJob, metadata: {name: j, namespace: shop}, spec: {jobTemplate: {spec: {template: {spec: {" + spec + "}}}}}}"
	}
	flux := func(account string) string {
		return "{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: apps, namespace: flux-system}, spec: {" + account + "}}"
	}
	for _, c := range []struct {
		why, before, after string
		want               []want
	}{
		{"verbs that were not there", role(`{apiGroups: [""], resources: [pods], verbs: [get]}`), role(`{apiGroups: [""], resources: [pods], verbs: [get, list, delete]}`),
			[]want{warning("ClusterRole/r", "/rules", `allows "list", "delete" on "pods"`)}},
		{"fewer rights", role(`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`), role(`{apiGroups: [apps], resources: [deployments], verbs: [get]}`), nil},
		{"a new role", "", role(`{apiGroups: [apps], resources: [deployments], verbs: ["*"]}`),
			[]want{warning("ClusterRole/r", "/rules", `allows "*" on "deployments" of group "apps": that lets it run pods with any service account of the namespace`)}},
		{"one more subject", bind("edit", "{kind: User, name: a}"), bind("edit", "{kind: User, name: a}, {kind: ServiceAccount, name: b, namespace: c}"),
			[]want{warning("RoleBinding/shop/b", "/subjects/1", `gives the rights of ClusterRole "edit" to ServiceAccount "c/b" in namespace "shop"`)}},
		{"another role for the same subject", bind("view", "{kind: User, name: a}"), bind("admin", "{kind: User, name: a}"),
			[]want{warning("RoleBinding/shop/b", "/subjects/0", `gives the rights of ClusterRole "admin" to User "a" in namespace "shop"`)}},
		{"the level goes down", ns("pod-security.kubernetes.io/enforce: restricted"), ns("pod-security.kubernetes.io/enforce: baseline"),
			[]want{warning("Namespace/shop", "/metadata/labels/pod-security.kubernetes.io~1enforce", `its pod security level is lowered from "restricted" to "baseline"`)}},
		{"the label is dropped", ns("pod-security.kubernetes.io/enforce: baseline"), ns(""),
			[]want{warning("Namespace/shop", "/metadata/labels/pod-security.kubernetes.io~1enforce", `its pod security level is lowered from "baseline" to "privileged"`)}},
		{"the level goes up", ns(""), ns("pod-security.kubernetes.io/enforce: baseline"), nil},
		{"a path of the node in a new workload", "", pod("volumes: [{name: h, hostPath: {path: /}}], containers: [{name: c}]"),
			[]want{warning("CronJob/shop/j", "/spec/jobTemplate/spec/template/spec/volumes/0",
				`its pods need more than the level "baseline" of Pod Security allows: hostPath volumes (volume "h")`)}},
		{"a second privileged container", pod("containers: [{name: a, securityContext: {privileged: true}}]"),
			pod("containers: [{name: a, securityContext: {privileged: true}}, {name: b, securityContext: {privileged: true, allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}}]"),
			[]want{warning("CronJob/shop/j", "/spec/jobTemplate/spec/template/spec/containers/1",
				`its pods need more than the level "baseline" of Pod Security allows: privileged (container "b" must not set securityContext.privileged=true)`)}},
		{"the network of the node", pod("containers: []"), pod("hostNetwork: true, containers: []"),
			[]want{warning("CronJob/shop/j", "/spec/jobTemplate/spec/template/spec",
				`its pods need more than the level "baseline" of Pod Security allows: host namespaces (hostNetwork=true)`)}},
		{"another account", pod("containers: []"), pod("serviceAccountName: robot, containers: []"),
			[]want{warning("CronJob/shop/j", "/spec/jobTemplate/spec/template/spec/serviceAccountName", `runs as service account "robot" instead of "default"`)}},
		{"Flux acts for itself again", flux("serviceAccountName: tenant"), flux("interval: 1h"),
			[]want{warning("Kustomization/flux-system/apps", "/spec/serviceAccountName", `acts with the rights of the controller, no longer with those of service account "tenant"`)}},
		{"Flux is confined", flux("interval: 1h"), flux("serviceAccountName: tenant"), nil},
	} {
		action := diff.Update
		if c.before == "" {
			action = diff.Create
		}
		check(t, c.why, Step{Objects: []Object{changed(t, action, c.before, c.after)}}, c.want...)
	}
	check(t, "into an empty cluster everything is new", Step{Empty: true, Objects: []Object{
		changed(t, diff.Create, "", role(`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`))}})
}
