package facts

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestReadsNothing(t *testing.T) {
	held := func(refs ...string) func(finding.Ref) bool {
		return func(ref finding.Ref) bool {
			for _, r := range refs {
				if r == ref.String() {
					return true
				}
			}
			return false
		}
	}
	gone := []Object{changed(t, diff.Delete, setting, "")}
	running := []map[string]any{object(t, web)}
	const field = "/spec/template/spec/containers/0/env/0/valueFrom/configMapKeyRef/name"
	check(t, "what it reads goes", Step{Objects: gone, Workloads: running, Held: held()},
		want{"reads-nothing", finding.Warning, "Deployment/shop/web", field,
			"refers to ConfigMap/shop/settings, which Kustomization/flux-system/apps deletes: its pods do not start any more once they are replaced"})
	check(t, "another owner goes on to apply it", Step{Objects: gone, Workloads: running, Held: held(),
		Owners: []Owner{{Ref: infra, Rendered: map[finding.Ref]map[string]any{gone[0].Ref: {}}}}})
	check(t, "it is optional", Step{Objects: gone, Held: held(),
		Workloads: []map[string]any{object(t, strings.Replace(web, "key: A", "key: A, optional: true", 1))}})
	check(t, "the workload ends, too", Step{Objects: append(gone, changed(t, diff.Delete, web, "")), Workloads: running, Held: held()})

	there := strings.Replace(web, "namespace: shop", "namespace: store", 1)
	moved := []Object{changed(t, diff.Delete, web, ""), changed(t, diff.Create, "", there)}
	after := []map[string]any{object(t, there)}
	const left = "refers to ConfigMap/store/settings, which is not there: it has left ConfigMap/shop/settings behind, and its pods do not start"
	check(t, "it moves without what it reads", Step{Objects: moved, Workloads: after, Held: held("ConfigMap/shop/settings")},
		want{"reads-nothing", finding.Warning, "Deployment/store/web", field, left})
	check(t, "it moves with what it reads", Step{Objects: moved, Workloads: after, Held: held("ConfigMap/shop/settings", "ConfigMap/store/settings")})
	check(t, "nothing was there before", Step{Empty: true, Objects: moved, Workloads: after, Held: held("ConfigMap/shop/settings")})

	renamed := strings.Replace(web, "name: settings", "name: setings", 1)
	other := func(text string) Step {
		return Step{Objects: []Object{changed(t, diff.Update, web, text)}, Workloads: []map[string]any{object(t, text)}, Held: held("ConfigMap/shop/settings")}
	}
	restarts := want{"restarted", finding.Info, "Deployment/shop/web", "/spec/template", "its pods are replaced, some at a time"}
	check(t, "a name that nobody declares", other(renamed), all(
		want{"reads-nothing", finding.Info, "Deployment/shop/web", field, "refers to ConfigMap/shop/setings from now on, which nobody in the repository makes"}, restarts)...)
	s := other(renamed)
	s.Declared = func(finding.Ref) bool { return true }
	check(t, "somebody else makes it", s, restarts)
	volumes := strings.Replace(web, "{replicas: 2, template: {spec: {", `{replicas: 2, template: {spec: {volumes: [{name: a, secret: {secretName: keys}}, {name: b, persistentVolumeClaim: {claimName: data}},
{name: c, configMap: {name: kube-root-ca.crt}}, {name: d, projected: {sources: [{secret: {name: more}}]}}], `, 1)
	const volume = "/spec/template/spec/volumes/"
	check(t, "volumes", other(volumes), all(
		want{"reads-nothing", finding.Info, "Deployment/shop/web", volume + "0/secret/secretName", "refers to Secret/shop/keys from now on, which nobody in the repository makes"},
		want{"reads-nothing", finding.Info, "Deployment/shop/web", volume + "1/persistentVolumeClaim/claimName", "refers to PersistentVolumeClaim/shop/data from now on, which nobody in the repository makes"},
		want{"reads-nothing", finding.Info, "Deployment/shop/web", volume + "3/projected/sources/0/secret/name", "refers to Secret/shop/more from now on, which nobody in the repository makes"}, restarts)...)
}

func all(list ...want) []want { return list }
