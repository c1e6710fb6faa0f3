package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/simulate"
	"github.com/flux-rehearse/flux-rehearse/simulate/releases"
)

// What a policy will refuse of the releases that came before it fails at their
// next upgrade, or at the next interval where drift is looked for.
func TestReleasesRefusedLater(t *testing.T) {
	release := func(name, spec, values string) string { return ofChart(name, spec, "name: "+name+values) }
	base := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{label: app, image: 'app:1'}", "chart/templates/all.yaml": chart,
		"clusters/space.yaml": child("space", ""), "space/space.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {policed: 'yes'}}}",
		"clusters/releases.yaml": child("releases", ""),
		"releases/calm.yaml":     release("calm", "", ""),
		"releases/seeks.yaml":    release("seeks", "driftDetection: {mode: warn},", ""),
		"releases/blind.yaml":    release("blind", "driftDetection: {mode: enabled},", ", blind: true"),
		"releases/patched.yaml":  release("patched", "install: {serverSideApply: false},", ""),
		"releases/fine.yaml":     release("fine", "", ", image: 'good:1'"),
		"releases/asleep.yaml":   release("asleep", "suspend: true,", ""),
	}
	base["chart/templates/all.yaml"] = strings.Replace(chart, `metadata: {name: "{{ .Values.name }}"}`,
		`metadata: {name: "{{ .Values.name }}", labels: {helm.toolkit.fluxcd.io/driftDetection: {{ if .Values.blind }}disabled{{ else }}enabled{{ end }}}}`, 1)
	head := maps.Clone(base)
	head["clusters/policies.yaml"] = child("policies", "dependsOn: [{name: releases}],")
	head["policies/images.yaml"] = policy("images", "apps/deployments", `validations: [{expression: "object.spec.template.spec.containers.all(c, c.image.startsWith('good'))", message: bad image}]`,
		"validationActions: [Deny]")
	last := replayed(t, simulate.Options{Releases: releases.New()}, base, head)[1]
	const said = `is forbidden: ValidatingAdmissionPolicy 'images' with binding 'images' denied request: bad image`
	want := []string{
		`error Deployment/default/seeks  would be refused at the next reconciliation: deployments.apps "seeks" ` + said,
		`warning Deployment/default/blind  would be refused at the next upgrade of its release: deployments.apps "blind" ` + said,
		`warning Deployment/default/calm  would be refused at the next upgrade of its release: deployments.apps "calm" ` + said,
	}
	if d := cmp.Diff(want, told(last, "refused-later")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, f := range last.Facts {
		if f.Fact == "refused-later" && f.Pos.File != "chart/templates/all.yaml" {
			t.Errorf("%s is at %s", f.Object, f.Pos)
		}
	}
}

// A policy that changes objects changes those that are there already when they
// are applied again, and what comes after it at once; nothing fights then.
func TestChangedLater(t *testing.T) {
	base := map[string]string{
		"chart/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}", "chart/values.yaml": "{label: app, image: 'app:1'}", "chart/templates/all.yaml": chart,
		"clusters/space.yaml": child("space", ""), "space/space.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {policed: 'yes'}}}",
		"clusters/releases.yaml": child("releases", ""), "releases/calm.yaml": ofChart("calm", "", "name: calm"),
		"clusters/app.yaml": child("app", ""), "app/web.yaml": workload("web", "web", "web:1"), "app/cm.yaml": configMap("settings", "one"),
	}
	head := maps.Clone(base)
	head["clusters/policies.yaml"] = child("policies", "dependsOn: [{name: releases}, {name: app}],")
	head["policies/mirror.yaml"] = strings.NewReplacer(", VALIDATION", "", "Validating", "Mutating").Replace(policy("mirror", "apps/deployments", `reinvocationPolicy: Never
  matchConditions: [{name: mirrored, expression: "!object.spec.template.spec.containers[0].image.startsWith('mirror/')"}]
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'mirror/' + object.spec.template.spec.containers[0].image}]"}}]`,
		"VALIDATION"))
	head["clusters/late.yaml"], head["late/web.yaml"] = child("late", "dependsOn: [{name: policies}],"), workload("late", "late", "late:1")
	last := replayed(t, simulate.Options{Releases: releases.New()}, base, head)[1]
	want := []string{
		"warning Deployment/default/calm /spec/template/spec/containers/0/image would be changed at the next upgrade of its release, by a policy and not by its owner: " +
			"spec.template.spec.containers[main].image; that replaces its pods",
		"warning Deployment/default/web /spec/template/spec/containers/0/image would be changed at the next reconciliation, by a policy and not by its owner: " +
			"spec.template.spec.containers[main].image; that replaces its pods",
	}
	if d := cmp.Diff(want, told(last, "changed-later", "refused-later", "contested")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, c := range last.Changes {
		if c.Object.Name == "late" && c.Object.Kind == "Deployment" && (len(c.Fields) == 0 || !strings.Contains(fmt.Sprint(c.Fields), "mirror/late:1")) {
			t.Errorf("the policy has not written into what it is to change: %v", c.Fields)
		}
	}
}

// Who still applies into a namespace that somebody deletes fails at the next
// interval: an object of the namespace may hold it.
func TestLaterInNamespaceThatGoes(t *testing.T) {
	in := func(name, more string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", namespace: goes" + more + "}}"
	}
	space := func(name string) string { return "{apiVersion: v1, kind: Namespace, metadata: {name: " + name + "}}" }
	for _, row := range []struct{ reason, more, said string }{
		{"it is gone", "", `/metadata/namespace would be refused at the next reconciliation: namespaces "goes" not found`},
		{"a finalizer holds it", ", finalizers: [example.com/hold]", `/metadata/namespace would be refused at the next reconciliation: configmaps "user" is forbidden: unable to create new content in namespace goes because it is being terminated`},
	} {
		base := map[string]string{
			"clusters/spaces.yaml": child("spaces", ""), "spaces/goes.yaml": space("goes"), "spaces/stays.yaml": space("stays"), "spaces/holds.yaml": in("holds", row.more),
			"clusters/apps.yaml": child("apps", ""), "apps/user.yaml": in("user", ""), "apps/other.yaml": configMap("other", "one"),
		}
		head := maps.Clone(base)
		delete(head, "spaces/goes.yaml")
		delete(head, "spaces/holds.yaml")
		last := replayed(t, simulate.Options{}, base, head)[1]
		want := []string{"error ConfigMap/goes/user " + row.said}
		if d := cmp.Diff(want, told(last, "refused-later")); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.reason, d)
		}
	}
}
