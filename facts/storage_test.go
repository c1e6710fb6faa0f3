package facts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

const database = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 3, MORE
template: {spec: {containers: [{name: db, image: "db:1"}]}}, volumeClaimTemplates: [{metadata: {name: data}}]}}`

func TestVolumesOfClaims(t *testing.T) {
	class := func(text string) map[string]any {
		return object(t, "{apiVersion: storage.k8s.io/v1, kind: StorageClass, "+text+"}")
	}
	volume := object(t, "{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv}, spec: {persistentVolumeReclaimPolicy: Retain}}")
	for _, c := range []struct {
		why, spec string
		storage   []map[string]any
		severity  finding.Severity
		message   string
	}{
		{"its class deletes", "{storageClassName: fast}", []map[string]any{class("metadata: {name: other}, reclaimPolicy: Retain"), class("metadata: {name: fast}")},
			finding.Error, `is deleted: its volume and the data on it go, since the reclaim policy of StorageClass/fast is "Delete"`},
		{"its volume says more than its class", "{storageClassName: fast, volumeName: pv}", []map[string]any{class("metadata: {name: fast}, reclaimPolicy: Delete"), volume},
			finding.Warning, `is deleted: its volume stays, since the reclaim policy of PersistentVolume/pv is "Retain", but no claim gets at the data`},
		{"it has the class of those that name none", "{}",
			[]map[string]any{class(`metadata: {name: std, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}, reclaimPolicy: Delete`)},
			finding.Error, `is deleted: its volume and the data on it go, since the reclaim policy of StorageClass/std is "Delete"`},
		{"nothing is known of its class", "{storageClassName: gone}", []map[string]any{class("metadata: {name: fast}, reclaimPolicy: Retain")},
			finding.Error, `is deleted: its volume and the data on it go, unless the reclaim policy of the volume is "Retain"`},
	} {
		before := strings.Replace(claim, "}}", "}, spec: "+c.spec+"}", 1)
		check(t, c.why, Step{Objects: []Object{changed(t, diff.Delete, before, "")}, Storage: c.storage},
			want{"data-deleted", c.severity, "PersistentVolumeClaim/shop/data", "", c.message})
	}
}

func TestClaimsOfStatefulSets(t *testing.T) {
	kept := strings.Replace(database, "MORE", "", 1)
	gone := strings.Replace(database, "MORE", "persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Delete},", 1)
	few := func(text string) string { return strings.Replace(text, "replicas: 3", "replicas: 1", 1) }
	check(t, "they stay behind", Step{Objects: []Object{changed(t, diff.Delete, kept, "")}},
		want{"data-deleted", finding.Warning, "StatefulSet/shop/db", "",
			`is deleted: its pods stop; 3 claims of its templates ("data-db-0", "data-db-1", "data-db-2") stay with the data, and nobody looks after them`})
	check(t, "its retention policy deletes them", Step{Objects: []Object{changed(t, diff.Delete, gone, "")}},
		want{"data-deleted", finding.Error, "StatefulSet/shop/db", "",
			`is deleted: its pods stop; 3 claims of its templates ("data-db-0", "data-db-1", "data-db-2") go too, as its retention policy says`})
	check(t, "scaled down, and they stay", Step{Objects: []Object{changed(t, diff.Update, kept, few(kept))}},
		want{"orphaned", finding.Info, "StatefulSet/shop/db", "/spec/replicas",
			`is scaled from 3 to 1: 2 claims of its templates ("data-db-1", "data-db-2") stay with the data, and are used again when it grows`})
	check(t, "scaled down, and they go", Step{Objects: []Object{changed(t, diff.Update, gone, few(gone))}},
		want{"data-deleted", finding.Error, "StatefulSet/shop/db", "/spec/replicas",
			`is scaled from 3 to 1: 2 claims of its templates ("data-db-1", "data-db-2") go too, as its retention policy says`})
	check(t, "it grows", Step{Objects: []Object{changed(t, diff.Update, few(gone), gone)}})
	space := changed(t, diff.Delete, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}", "")
	check(t, "they go with the namespace", Step{Objects: []Object{space, changed(t, diff.Delete, few(kept), "")}},
		want{"data-deleted", finding.Error, "Namespace/shop", "", "is deleted: everything in it goes"},
		want{"data-deleted", finding.Error, "StatefulSet/shop/db", "", `is deleted: its pods stop; 1 claim of its templates ("data-db-0") goes with Namespace/shop`})
}

func TestUndeclared(t *testing.T) {
	space := changed(t, diff.Delete, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}", "")
	account := changed(t, diff.Delete, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}", "")
	s := Step{Objects: []Object{space, account, changed(t, diff.Delete, setting, "")}, Declared: func(finding.Ref) bool { return false }}
	check(t, "what somebody made by hand goes too; the account of every namespace does not count", s,
		want{"data-deleted", finding.Error, "Namespace/shop", "",
			"is deleted: everything in it goes, with 1 object that nobody in the repository declares: ConfigMap/shop/settings"})
}

// What keeps an object depends on who deletes it.
func TestKeptBy(t *testing.T) {
	for _, c := range []struct {
		owner finding.Ref
		want  string
	}{
		{apps, "make a backup, or keep it with the annotation kustomize.toolkit.fluxcd.io/prune: disabled in a commit before this one"},
		{finding.Ref{Group: helmGroup, Kind: "HelmRelease", Namespace: "shop", Name: "db"}, "make a backup, or keep it with the annotation helm.sh/resource-policy: keep in a release before this one"},
		{finding.Ref{Group: operatorGroup, Kind: "ResourceSet", Namespace: "shop", Name: "db"}, "make a backup, or keep it with the annotation fluxcd.controlplane.io/prune: disabled in a commit before this one"},
		{finding.Ref{}, "make a backup"},
	} {
		o := changed(t, diff.Delete, claim, "")
		o.Owner = c.owner
		if got := Of(Step{Objects: []Object{o}})[0].Check; got != c.want {
			t.Errorf("%s: %q, want %q", c.owner, got, c.want)
		}
	}
}

func TestReinstalled(t *testing.T) {
	release := func(spec, name, version string) map[string]any {
		return object(t, "{spec: {"+spec+"}, status: {history: [{name: "+name+", namespace: shop, chartName: db, version: "+version+"}]}}")
	}
	ref := finding.Ref{Group: helmGroup, Kind: "HelmRelease", Namespace: "shop", Name: "db"}
	web := changed(t, diff.Delete, web, "")
	web.Owner = ref
	renamed := []Owner{{Ref: ref, Before: release("", "db", "3"), After: release("releaseName: orders", "orders", "1")}}
	check(t, "another name", Step{Objects: []Object{web}, Owners: renamed},
		want{"recreated", finding.Warning, "HelmRelease/shop/db", "/spec/releaseName",
			`uninstalls its release "shop/db" of chart "db" and installs "shop/orders" of chart "db" instead of upgrading it: all that it runs stops and starts anew`})
	check(t, "Helm does not find the objects of the old one", Step{Owners: renamed},
		want{"recreated", finding.Warning, "HelmRelease/shop/db", "/spec/releaseName",
			`forgets its release "shop/db" of chart "db", whose objects stay in the cluster, and installs "shop/orders" of chart "db" beside it`})
	check(t, "an upgrade", Step{Owners: []Owner{{Ref: ref, Before: release("", "db", "3"), After: release("", "db", "4")}}})
	check(t, "nothing", Step{Owners: []Owner{{Ref: ref, Before: release("", "db", "3"), After: release("", "db", "3")}}})
}

func TestVersionUnserved(t *testing.T) {
	crd := func(served string) string {
		return "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, " +
			"versions: [{name: v1, served: true}, {name: v1beta1, served: " + served + "}]}}"
	}
	written := func(version string) map[string]any {
		return object(t, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: shop, managedFields: [{apiVersion: example.com/"+version+"}]}}")
	}
	o := changed(t, diff.Update, crd("true"), crd("false"))
	o.Written = []map[string]any{written("v1")}
	check(t, "nobody has written in it", Step{Objects: []Object{o}})
	o.Written = append(o.Written, written("v1beta1"))
	check(t, "somebody has", Step{Objects: []Object{o}}, want{"version-unserved", finding.Warning, "CustomResourceDefinition/widgets.example.com", "/spec/versions",
		"serves v1beta1 no more, and 1 object of its kind is written in it"})
	if d := cmp.Diff([]finding.Ref{{Group: "example.com", Kind: "Widget", Namespace: "shop", Name: "w"}}, Of(Step{Objects: []Object{o}})[0].Others); d != "" {
		t.Errorf("the objects are named (-want +got):\n%s", d)
	}
}
