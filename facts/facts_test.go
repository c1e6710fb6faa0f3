package facts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// want is the part of a fact that a test states: what it is, how bad, about what
// and which field, and its words.
type want struct {
	fact     string
	severity finding.Severity
	object   string
	field    string
	message  string
}

// tested lists the kinds that have a row in TestFacts.
var tested = []string{
	"changed-later", "contested", "data-deleted", "field-dropped", "host-contested", "host-moved", "image-changed", "order-dependent", "orphaned", "pods-refused", "privilege-widened", "quota-short", "reads-nothing", "recreated", "refused-later", "restarted", "resumed",
	"scaled-to-zero", "selects-nothing", "server-warned", "stale-environment", "suspended",
	"version-unserved",
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

// changed is an object before and after, empty for none.
func changed(t *testing.T, action diff.Action, before, after string) Object {
	t.Helper()
	o := Object{Action: action, Before: object(t, before), After: object(t, after), Owner: apps}
	if o.Ref = refOf(o.After); o.After == nil {
		o.Ref = refOf(o.Before)
	}
	return o
}

func kustomization(name string) finding.Ref {
	return finding.Ref{Group: kustomizeGroup, Kind: "Kustomization", Namespace: "flux-system", Name: name}
}

var apps, infra = kustomization("apps"), kustomization("infra")

func check(t *testing.T, why string, s Step, expected ...want) {
	t.Helper()
	var got []want
	for _, f := range Of(s) {
		got = append(got, want{f.Fact, f.Severity, f.Object.String(), f.Field, f.Message})
		if f.Check == "" {
			t.Errorf("%s: %s says nothing to check", why, f.Fact)
		}
	}
	if d := cmp.Diff(expected, got, cmp.AllowUnexported(want{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", why, d)
	}
}

const (
	claim   = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}}"
	setting = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {A: one, B: one}}"
	web     = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 2, template: {spec: {
containers: [{name: web, image: "web:1", env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: A}}}]}]}}}}`
)

// What an owner deletes later counts as much as what it deletes now.
func TestPostponed(t *testing.T) {
	o := changed(t, diff.Delete, claim, "")
	o.Reason = Postponed
	check(t, "a claim", Step{Postponed: []Object{o}}, want{"data-deleted", finding.Error, "PersistentVolumeClaim/shop/data", "",
		`is deleted as soon as Kustomization/flux-system/apps applies what it should: its volume and the data on it go, unless the reclaim policy of the volume is "Retain"`})
	o = changed(t, diff.Delete, setting, "")
	o.Reason = Postponed
	check(t, "nothing is lost with it", Step{Postponed: []Object{o}})
}

func TestFieldDropped(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	s := Step{Dropped: []Dropped{
		{Ref: ref, Owner: apps, Field: "/spec/replica", Suggestion: "replicas"},
		{Ref: ref, Owner: apps, Field: "/spec/template/spec/containers/0/colour"},
	}}
	check(t, "the field is named", s,
		want{"field-dropped", finding.Warning, "Deployment/shop/web", "/spec/replica", `is applied without the field "replica", which its kind does not have there`},
		want{"field-dropped", finding.Warning, "Deployment/shop/web", "/spec/template/spec/containers/0/colour", `is applied without the field "colour", which its kind does not have there`})
	if got := Of(s)[0].Check; got != "write replicas" {
		t.Errorf("what is likely meant: got %q", got)
	}
}

func TestDeletions(t *testing.T) {
	check(t, "a claim that goes takes its data", Step{Objects: []Object{changed(t, diff.Delete, claim, "")}},
		want{"data-deleted", finding.Error, "PersistentVolumeClaim/shop/data", "",
			`is deleted: its volume and the data on it go, unless the reclaim policy of the volume is "Retain"`})
	late := changed(t, diff.Delete, claim, "")
	late.Reason = "terminating"
	late.Owner = infra
	check(t, "its next owner applies it while it ends", Step{Objects: []Object{late},
		Owners: []Owner{{Ref: apps, After: map[string]any{}, Rendered: map[finding.Ref]map[string]any{late.Ref: late.Before}}}},
		want{"data-deleted", finding.Error, "PersistentVolumeClaim/shop/data", "",
			`is being deleted, and gone as soon as nothing uses it: its volume and the data on it go, unless the reclaim policy of the volume is "Retain"; ` +
				`Kustomization/flux-system/apps applies it too, but too late to keep it`})
	check(t, "a ConfigMap holds nothing that the repository does not", Step{Objects: []Object{changed(t, diff.Delete, setting, "")}})

	crd := changed(t, diff.Delete, "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: backups.example.com}}", "")
	crd.Instances = []finding.Ref{{Group: "example.com", Kind: "Backup", Namespace: "shop", Name: "orders"}}
	ns := changed(t, diff.Delete, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}", "")
	got := Of(Step{Objects: []Object{crd, ns, changed(t, diff.Delete, setting, "")}})
	others := map[string][]finding.Ref{}
	for _, f := range got {
		others[f.Object.Kind] = f.Others
	}
	if d := cmp.Diff(map[string][]finding.Ref{
		"CustomResourceDefinition": crd.Instances, "Namespace": {{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}},
	}, others); d != "" {
		t.Errorf("what goes with a definition and with a namespace is listed (-want +got):\n%s", d)
	}
}

func TestRecreated(t *testing.T) {
	check(t, "forced", Step{Objects: []Object{changed(t, diff.Recreate, web, web)}},
		want{"recreated", finding.Warning, "Deployment/shop/web", "", "is deleted and created again, which destroys all its pods at once, before new ones start"})
	moved := changed(t, diff.Recreate, claim, claim)
	moved.Reason, moved.From = "moved", infra
	check(t, "moved in the wrong order", Step{Objects: []Object{moved}},
		want{"recreated", finding.Error, "PersistentVolumeClaim/shop/data", "",
			`is deleted by Kustomization/flux-system/infra before it is created again, which destroys its volume and the data on it, unless the reclaim policy of the volume is "Retain"`})
}

func TestOrphaned(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	s := Step{Orphans: []Orphan{{Ref: ref, Owner: apps, Reason: "prune-false"}}}
	check(t, "prune is off", s, want{"orphaned", finding.Warning, "Deployment/shop/web", "",
		`stays in the cluster, and no Flux object looks after it any more: its owner has "prune: false"`})
	if got, want := Of(s)[0].Check, "kubectl delete deployment.apps/web -n shop"; got != want {
		t.Errorf("what to type is %q, want %q", got, want)
	}
	ns := finding.Ref{Kind: "Namespace", Name: "shop"}
	check(t, "applied by a Kustomization that fails later", Step{Orphans: []Orphan{{Ref: ns, Owner: apps, Reason: "failed-apply"}}},
		want{"orphaned", finding.Warning, "Namespace/shop", "",
			"is created, and Kustomization/flux-system/apps fails before it takes note of it: if the change is reverted, it stays in the cluster"})
	check(t, "left by Helm", Step{Orphans: []Orphan{{Ref: ns, Owner: apps, Reason: "created-namespace"}}},
		want{"orphaned", finding.Warning, "Namespace/shop", "",
			"stays in the cluster, and no Flux object looks after it any more: Helm has created it for a release, and deletes no namespace"})
}

func TestOrderDependent(t *testing.T) {
	s := Step{Orders: []Order{{Object: finding.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, First: apps, Second: infra,
		End: "deleted and created again", Other: "taken over", Destroyed: true}}}
	check(t, "the ends differ", s, want{"order-dependent", finding.Warning, "ConfigMap/shop/settings", "",
		"is deleted and created again if Kustomization/flux-system/apps comes first, and taken over if Kustomization/flux-system/infra does"})
}

func TestOrderOfReleases(t *testing.T) {
	release := func(name string) finding.Ref {
		return finding.Ref{Group: helmGroup, Kind: "HelmRelease", Namespace: "shop", Name: name}
	}
	s := Step{Orders: []Order{{Object: finding.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, First: release("one"), Second: release("two"),
		End: "deleted and created again", Other: "deleted", Destroyed: true}}}
	check(t, "it is gone in one order, and somebody applies it", s, want{"order-dependent", finding.Error, "ConfigMap/shop/settings", "",
		"is deleted and created again if HelmRelease/shop/one comes first, and deleted if HelmRelease/shop/two does"})
	if got, want := Of(s)[0].Check, "move it in two steps: first annotate it with helm.sh/resource-policy: keep, then change its owner"; got != want {
		t.Errorf("what to do is %q, want %q", got, want)
	}
}

func TestOrderOfStandings(t *testing.T) {
	s := Step{Orders: []Order{{Object: apps, First: apps, Second: infra, End: "ready", Other: "not ready (BuildFailed)", Stands: true}}}
	check(t, "it fails in one order", s, want{"order-dependent", finding.Warning, "Kustomization/flux-system/apps", "",
		"is ready if Kustomization/flux-system/apps comes first, and not ready (BuildFailed) if Kustomization/flux-system/infra does"})
	if got, want := Of(s)[0].Check, "change in one commit what has to come first, and the rest in another one"; got != want {
		t.Errorf("what to do is %q, want %q", got, want)
	}
}

func TestOrderOfSpec(t *testing.T) {
	claimRef := finding.Ref{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data"}
	s := Step{Orders: []Order{{Object: apps, First: apps, Second: infra, End: "left in the cluster without an owner", Other: "deleted", Destroyed: true,
		Differ: []finding.Ref{claimRef}}}}
	check(t, "prune is switched on in the commit that removes a claim", s, want{"order-dependent", finding.Error, "Kustomization/flux-system/apps", "",
		"still has the spec that it had before if it comes before Kustomization/flux-system/infra, so that 1 object is left in the cluster without an owner, " +
			"and has its new spec if it comes after, so that it is deleted"})
}

func TestOrderOfValues(t *testing.T) {
	values := finding.Ref{Kind: "ConfigMap", Namespace: "flux-system", Name: "values"}
	s := Step{Orders: []Order{{Object: values, Reader: apps, First: apps, Second: infra, Differ: []finding.Ref{{Kind: "Service", Name: "web"}}}}}
	check(t, "a reader that comes first reads what was", s, want{"order-dependent", finding.Warning, "Kustomization/flux-system/apps", "",
		"applies 1 object with the values that ConfigMap/flux-system/values had before if it comes before Kustomization/flux-system/infra, " +
			"until its next interval, and with the new values if it comes after"})
	if got, want := Of(s)[0].Check, "label ConfigMap/flux-system/values with reconcile.fluxcd.io/watch: Enabled, so that a change of it is seen at once"; got != want {
		t.Errorf("what to type is %q, want %q", got, want)
	}
}

func TestContested(t *testing.T) {
	ref := finding.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}
	owner := func(name finding.Ref, value string) Owner {
		return Owner{Ref: name, After: map[string]any{}, Rendered: map[finding.Ref]map[string]any{ref: object(t, value)}}
	}
	other := "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {A: two, C: one}}"
	check(t, "they differ in one field that both set", Step{Owners: []Owner{owner(infra, other), owner(apps, setting)}},
		want{"contested", finding.Error, "ConfigMap/shop/settings", "/data/A",
			"is applied by Kustomization/flux-system/apps and by Kustomization/flux-system/infra, which set by turns: data.A"})
	check(t, "they say the same", Step{Owners: []Owner{owner(infra, setting), owner(apps, setting)}},
		want{"contested", finding.Warning, "ConfigMap/shop/settings", "",
			"is applied by Kustomization/flux-system/apps and by Kustomization/flux-system/infra with the same content"})
	one, two := owner(apps, setting), owner(infra, other)
	mark := func(value, who string) map[string]any {
		u := object(t, value)
		u["metadata"].(map[string]any)["labels"] = map[string]any{kustomizeGroup + "/name": who, kustomizeGroup + "/namespace": "flux-system"}
		return u
	}
	one.Made = map[finding.Ref]map[string]any{ref: mark("{data: {A: one, B: one}, metadata: {name: settings}}", "apps")}
	two.Made = map[finding.Ref]map[string]any{ref: mark("{data: {A: one, C: one}, metadata: {name: settings}}", "infra")}
	at := func(file string) func(finding.Ref, string) finding.Position {
		return func(finding.Ref, string) finding.Position { return finding.Position{File: file, Line: 3, Col: 2} }
	}
	one.Place, two.Place = at("apps.yaml"), at("infra.yaml")
	check(t, "as the server holds it: each removes what the other sets, and both say where", Step{Owners: []Owner{one, two}},
		want{"contested", finding.Error, "ConfigMap/shop/settings", "/data/B", "is applied by Kustomization/flux-system/apps and by " +
			"Kustomization/flux-system/infra, which set by turns: data.B (apps.yaml:3 and infra.yaml:3), data.C (apps.yaml:3 and infra.yaml:3)"})
	two.Made[ref] = mark("{data: {A: one, B: one}, metadata: {name: settings}}", "infra")
	check(t, "only the labels of the owner flip", Step{Owners: []Owner{one, two}},
		want{"contested", finding.Warning, "ConfigMap/shop/settings", "",
			"is applied by Kustomization/flux-system/apps and by Kustomization/flux-system/infra with the same content"})
	asleep := owner(infra, other)
	asleep.Before = object(t, "{spec: {suspend: true}}")
	asleep.After = asleep.Before
	check(t, "a suspended owner writes nothing", Step{Owners: []Owner{asleep, owner(apps, setting)}})
}

func TestSuspended(t *testing.T) {
	on, off := object(t, "{spec: {suspend: true}}"), object(t, "{spec: {interval: 1h}}")
	pending := []diff.Change{{Object: finding.Ref{Kind: "ConfigMap", Name: "a"}}, {Object: finding.Ref{Kind: "ConfigMap", Name: "b"}}}
	check(t, "from now on", Step{Owners: []Owner{{Ref: apps, Before: off, After: on}}},
		want{"suspended", finding.Warning, "Kustomization/flux-system/apps", "/spec/suspend", "is suspended from now on"})
	check(t, "as it arrives in an empty cluster", Step{Empty: true, Owners: []Owner{{Ref: apps, After: on}}})
	check(t, "still, and this change waits", Step{Owners: []Owner{{Ref: apps, Before: on, After: on, Pending: pending}}},
		want{"suspended", finding.Info, "Kustomization/flux-system/apps", "/spec/suspend", "stays suspended: 2 changes will be applied when it is resumed"})
	check(t, "still, and nothing waits", Step{Owners: []Owner{{Ref: apps, Before: on, After: on}}})
	check(t, "resumed with what has piled up", Step{Owners: []Owner{{Ref: apps, Before: on, After: off}},
		Objects: []Object{changed(t, diff.Create, "", setting)}},
		want{"resumed", finding.Warning, "Kustomization/flux-system/apps", "/spec/suspend",
			"is resumed, and applies 1 change at once; what it had applied before it was suspended is not known here"})
	had := object(t, "{spec: {suspend: true}, status: {inventory: {entries: []}}}")
	check(t, "resumed, and some of it is older than this change", Step{
		Owners:  []Owner{{Ref: apps, Before: had, After: off, Piled: []diff.Change{{Object: finding.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}}}}},
		Objects: []Object{changed(t, diff.Create, "", setting), changed(t, diff.Create, "", strings.Replace(setting, "settings", "more", 1))}},
		want{"resumed", finding.Warning, "Kustomization/flux-system/apps", "/spec/suspend",
			"is resumed, and applies 2 changes at once, 1 of which has piled up before this change"})
	check(t, "suspended and deleted", Step{Owners: []Owner{{Ref: apps, Before: on}}})
}
