package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// A verdict is what a Kustomization says of itself at the end of the last step:
// how it begins, or all of it where it ends with "$".
func TestVerdicts(t *testing.T) {
	forced := func(name, more string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", namespace: default, " + more +
			"annotations: {kustomize.toolkit.fluxcd.io/force: enabled}}, immutable: true, data: {A: VALUE}}"
	}
	held := "finalizers: [example.com/stay], "
	invalid := strings.Replace(workload("invalid", "n", "n:1"), "selector:", "replicas: -1, selector:", 1)
	absent := strings.Replace(configMap("absent", "one"), "default", "nowhere", 1)
	space := "{apiVersion: v1, kind: Namespace, metadata: {name: made}}"
	gadgets := func(kinds ...string) string {
		var out []string
		for _, kind := range kinds {
			out = append(out, "{apiVersion: example.org/v1, kind: "+kind+", metadata: {name: g, namespace: default}}")
		}
		return strings.Join(out, "\n---\n")
	}
	broken := "healthCheckExprs: [{apiVersion: v1, kind: ConfigMap, current: 'data. ='}],"
	for _, row := range []struct {
		reason string
		emul   simulate.Emulate
		base   map[string]string
		head   map[string]string
		want   map[string]string
	}{{
		reason: "an apply waits without end for what it deleted and a finalizer holds; an error of another object ends the wait",
		base: map[string]string{
			"clusters/stuck.yaml": child("stuck", ""), "stuck/a.yaml": forced("stuck", held), "stuck/b.yaml": configMap("besides", "VALUE"),
			"clusters/fails.yaml": child("fails", ""), "fails/a.yaml": forced("fails", held),
			"clusters/free.yaml": child("free", ""), "free/a.yaml": forced("free", ""),
		},
		head: map[string]string{"fails/b.yaml": invalid},
		want: map[string]string{
			"stuck": "Unknown Progressing Reconciliation in progress",
			"fails": "False ReconciliationFailed Deployment/default/invalid dry-run failed (Invalid): Deployment.apps \"invalid\" is invalid: spec.replicas",
			"free":  "True ReconciliationSucceeded Applied revision",
		},
	}, {
		reason: "dependencies in a circle keep a new revision from waking any Kustomization of the source; what fails or waits comes again by itself",
		base: map[string]string{
			"clusters/x.yaml": child("x", "dependsOn: [{name: y}],"), "clusters/y.yaml": child("y", "dependsOn: [{name: x}],"),
			"clusters/a.yaml": child("a", ""), "clusters/b.yaml": child("b", ""), "clusters/c.yaml": child("c", "dependsOn: [{name: b}],"),
			"a/a.yaml": configMap("a", "VALUE"), "b/a.yaml": invalid, "c/a.yaml": configMap("c", "VALUE"),
			"x/a.yaml": configMap("x", "one"), "y/a.yaml": configMap("y", "one"),
		},
		head: map[string]string{"b/a.yaml": configMap("b", "one")},
		want: map[string]string{
			"a": "True ReconciliationSucceeded Applied revision: main@sha1:" + commits["base"],
			"b": "True ReconciliationSucceeded Applied revision: main@sha1:" + commits["head"],
			"c": "True ReconciliationSucceeded Applied revision: main@sha1:" + commits["head"],
			"x": "False DependencyNotReady dependency 'flux-system/y' is not ready",
		},
	}, {
		reason: "of several kinds that are not served the last of the first four is named, else the first, and before what is refused; of what is refused the last too",
		base: map[string]string{
			"clusters/two.yaml": child("two", ""), "two/a.yaml": gadgets("Alpha", "Beta"),
			"clusters/five.yaml": child("five", ""), "five/a.yaml": gadgets("Alpha", "Beta", "Gamma", "Delta", "Epsilon"),
			"clusters/later.yaml": child("later", ""), "later/a.yaml": gadgets("Alpha", "Beta"), "later/b.yaml": strings.Join([]string{
				configMap("l1", "one"), configMap("l2", "one"), configMap("l3", "one"), configMap("l4", "one")}, "\n---\n"),
			"clusters/both.yaml": child("both", ""), "both/a.yaml": gadgets("Alpha"), "both/b.yaml": invalid,
			"clusters/last.yaml": child("last", ""), "last/a.yaml": gadgets("Alpha", "Beta"),
			"clusters/refused.yaml": child("refused", ""), "refused/a.yaml": invalid, "refused/b.yaml": strings.Replace(invalid, "name: invalid", "name: more", 1),
			"last/b.yaml": "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: last}}",
		},
		want: map[string]string{
			"two": "False ReconciliationFailed Beta/default/g dry-run failed: no matches", "five": "False ReconciliationFailed Epsilon/default/g dry-run failed: no matches",
			"later": "False ReconciliationFailed Alpha/default/g dry-run failed: no matches", "both": "False ReconciliationFailed Alpha/default/g dry-run failed: no matches",
			"last": "False ReconciliationFailed Alpha/default/g dry-run failed: no matches", "refused": "False ReconciliationFailed Deployment/default/more dry-run failed (Invalid)",
		},
	}, {
		reason: "a source that goes wakes nobody, so its Kustomization stays ready until its interval",
		base: map[string]string{
			"clusters/second.yaml": strings.Replace(child("second", ""), "name: flux-system}}}", "name: second}}}", 1),
			"clusters/source.yaml": "{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: second, namespace: flux-system}, " +
				"spec: {interval: 1h, url: 'https://git.test/flux-system', ref: {branch: main}}}",
			"second/a.yaml": configMap("second", "one"),
		},
		head: map[string]string{"clusters/source.yaml": "# nothing"},
		want: map[string]string{"second": "True ReconciliationSucceeded Applied revision"},
	}, {
		reason: "where intervals pass, a circle only delays",
		emul:   simulate.Emulate{Intervals: true},
		base: map[string]string{
			"clusters/x.yaml": child("x", "dependsOn: [{name: x}],"), "clusters/a.yaml": child("a", ""),
			"a/a.yaml": configMap("a", "VALUE"), "x/a.yaml": configMap("x", "one"),
		},
		want: map[string]string{"a": "True ReconciliationSucceeded Applied revision: main@sha1:" + commits["head"]},
	}, {
		reason: "a dependency with an expression looks at what was, where all wake at the same time",
		base:   expressed("broken", "asks"),
		head:   map[string]string{"broken/a.yaml": invalid},
		want: map[string]string{
			"broken": "False ReconciliationFailed Deployment/default/invalid dry-run failed",
			"asks":   "True ReconciliationSucceeded Applied revision: main@sha1:" + commits["head"],
		},
	}, {
		reason: "it sees the dependency at work, where more wake than the controller has workers",
		base:   expressed("broken", "asks", "c", "d"),
		head:   map[string]string{"broken/a.yaml": invalid},
		want: map[string]string{
			"broken": "False ReconciliationFailed Deployment/default/invalid dry-run failed",
			"asks":   "False DependencyNotReady dependency 'flux-system/broken' is not ready according to readyExpr eval",
		},
	}, {
		reason: "the server looks twice for a namespace, so another error of the stage comes first; a repeated attempt does not tell again what the first one made",
		base: map[string]string{
			"clusters/several.yaml": child("several", ""), "several/a.yaml": absent, "several/b.yaml": invalid,
			"clusters/once.yaml": child("once", ""), "once/a.yaml": space, "once/b.yaml": invalid,
			"clusters/nowhere.yaml": child("nowhere", ""), "nowhere/a.yaml": absent,
			"clusters/misfit.yaml": child("misfit", ""), "misfit/a.yaml": absent, "misfit/b.yaml": strings.NewReplacer("absent", "misfit", "one", "1").Replace(absent),
		},
		want: map[string]string{
			"several": "False ReconciliationFailed Deployment/default/invalid dry-run failed",
			"once":    "False ReconciliationFailed Deployment/default/invalid dry-run failed (Invalid): Deployment.apps \"invalid\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0$",
			"nowhere": "False ReconciliationFailed ConfigMap/nowhere/absent not found: namespaces \"nowhere\" not found",
			"misfit":  "False ReconciliationFailed ConfigMap/nowhere/misfit dry-run failed: failed to create typed patch object (nowhere/misfit; /v1, Kind=ConfigMap): .data.",
		},
	}, {
		reason: "the first object that has failed ends a wait, whatever else it is for",
		base: map[string]string{
			"clusters/waits.yaml": child("waits", "wait: true, timeout: 40s,"), "waits/z.yaml": child("pending", "dependsOn: [{name: absent}],"),
			"waits/a.yaml": child("stalled", broken), "waits/b.yaml": child("stalled-too", broken),
			"stalled/a.yaml": configMap("stalled", "VALUE"), "stalled-too/a.yaml": configMap("stalled-too", "VALUE"), "pending/a.yaml": configMap("pending", "VALUE"),
		},
		want: map[string]string{"waits": "False HealthCheckFailed health check failed after 40s: failed early due to stalled resources: " +
			"[Kustomization/flux-system/stalled status: 'Failed']$"},
	}} {
		t.Run(row.reason[:strings.IndexAny(row.reason, ",;")], func(t *testing.T) {
			head := maps.Clone(row.base)
			maps.Copy(head, row.head)
			last := replay(t, server(t), simulate.Options{Emulate: row.emul}, valued(row.base, "one"), valued(head, "two")).Steps[1]
			got := map[string]string{}
			for _, o := range last.Owners {
				line := fmt.Sprintf("%s %s %s$", o.Ready.Status, o.Ready.Reason, strings.TrimSpace(o.Ready.Message))
				if want, ok := row.want[o.Ref.Name]; ok && o.Ref.Kind == "Kustomization" {
					got[o.Ref.Name] = line
					if strings.HasPrefix(line, want) {
						got[o.Ref.Name] = want
					}
				}
			}
			if d := cmp.Diff(row.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", row.reason, d)
			}
		})
	}
}

// expressed is a repository of Kustomizations with a ConfigMap each. The second
// one asks by an expression whether the first one is ready.
func expressed(names ...string) map[string]string {
	out := map[string]string{}
	for i, name := range names {
		more := ""
		if i == 1 {
			more = fmt.Sprintf(`dependsOn: [{name: %s, readyExpr: "dep.status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True')"}],`, names[0])
		}
		out["clusters/"+name+".yaml"], out[name+"/a.yaml"] = child(name, more), configMap(name, "VALUE")
	}
	return out
}

// valued puts a value into the files of a repository.
func valued(files map[string]string, value string) map[string]string {
	out := map[string]string{}
	for name, text := range files {
		out[name] = strings.ReplaceAll(text, "VALUE", value)
	}
	return out
}
