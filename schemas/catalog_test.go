package schemas_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// gvk reads group/version/Kind, or version/Kind of the core group.
func gvk(text string) schema.GroupVersionKind {
	i := strings.LastIndexByte(text, '/')
	group, version, found := strings.Cut(text[:i], "/")
	if !found {
		group, version = "", text[:i]
	}
	return schema.GroupVersionKind{Group: group, Version: version, Kind: text[i+1:]}
}

func TestLookup(t *testing.T) {
	now := schemas.Options{}
	tests := []struct {
		reason  string
		options schemas.Options
		kind    string
		want    schemas.Known
	}{
		{"a namespaced kind", now, "apps/v1/Deployment", schemas.Known{Source: schemas.SourceBuiltin, Namespaced: true, Served: true, Schema: true}},
		{"a cluster-scoped kind of the core group", now, "v1/Namespace", schemas.Known{Source: schemas.SourceBuiltin, Served: true, Schema: true}},
		{"a beta is off by default", now, "certificates.k8s.io/v1beta1/ClusterTrustBundle", schemas.Known{Source: schemas.SourceBuiltin, Schema: true}},
		{"a Flux kind", now, "helm.toolkit.fluxcd.io/v2/HelmRelease", schemas.Known{Source: schemas.SourceFlux, Namespaced: true, Served: true, Schema: true}},
		{"a kind of the Flux Operator", now, "fluxcd.controlplane.io/v1/ResourceSet", schemas.Known{Source: schemas.SourceFlux, Namespaced: true, Served: true, Schema: true}},
		{"a version that Flux removed", now, "kustomize.toolkit.fluxcd.io/v1beta2/Kustomization", schemas.Known{Source: schemas.SourceNone}},
		{"the same in an older Flux", schemas.Options{FluxVersion: "2.7"}, "kustomize.toolkit.fluxcd.io/v1beta2/Kustomization", schemas.Known{Source: schemas.SourceFlux, Namespaced: true, Served: true}},
		{"an API that Kubernetes removed", now, "batch/v1beta1/CronJob", schemas.Known{Source: schemas.SourceNone}},
		{"the same in an older Kubernetes", schemas.Options{KubeVersion: "v1.24.3-gke.100"}, "batch/v1beta1/CronJob", schemas.Known{Source: schemas.SourceBuiltin, Namespaced: true, Served: true}},
		{"a CRD of the repository", now, "example.com/v1/Widget", schemas.Known{Source: schemas.SourceCRD, Served: true, Schema: true}},
		{"a version that the CRD does not serve", now, "example.com/v1alpha1/Widget", schemas.Known{Source: schemas.SourceNone}},
		{"an unknown kind", now, "example.com/v1/Gadget", schemas.Known{Source: schemas.SourceNone}},
	}
	for _, test := range tests {
		catalog := newCatalog(t, test.options).With([]*unstructured.Unstructured{{Object: parse(t, widgetCRD)}})
		if diff := cmp.Diff(test.want, catalog.Lookup(gvk(test.kind))); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", test.reason, test.kind, diff)
		}
	}
}

func TestOptionsNameVersions(t *testing.T) {
	for _, options := range []schemas.Options{{KubeVersion: "latest"}, {FluxVersion: "two"}} {
		if _, err := schemas.New(options); err == nil {
			t.Errorf("%+v is accepted", options)
		}
	}
}

func TestRemoved(t *testing.T) {
	tests := []struct {
		reason  string
		options schemas.Options
		kind    string
		want    string
	}{
		{"moved to another group", schemas.Options{}, "extensions/v1beta1/Ingress", "Kubernetes 1.22 networking.k8s.io/v1, Kind=Ingress"},
		{"gone without replacement", schemas.Options{}, "policy/v1beta1/PodSecurityPolicy", "Kubernetes 1.25 /, Kind="},
		{"still served", schemas.Options{KubeVersion: "1.25"}, "autoscaling/v2beta2/HorizontalPodAutoscaler", ""},
		{"gone one version later", schemas.Options{KubeVersion: "1.26"}, "autoscaling/v2beta2/HorizontalPodAutoscaler", "Kubernetes 1.26 autoscaling/v2, Kind=HorizontalPodAutoscaler"},
		{"Flux, gone in 2.8", schemas.Options{}, "source.toolkit.fluxcd.io/v1beta2/HelmRepository", "Flux 2.8 source.toolkit.fluxcd.io/v1, Kind=HelmRepository"},
		{"Flux 2.8 still has it", schemas.Options{FluxVersion: "2.8"}, "image.toolkit.fluxcd.io/v1beta2/ImagePolicy", ""},
		{"Flux 2.9 has it no more", schemas.Options{FluxVersion: "2.9.1"}, "image.toolkit.fluxcd.io/v1beta2/ImagePolicy", "Flux 2.9 image.toolkit.fluxcd.io/v1, Kind=ImagePolicy"},
		{"never removed", schemas.Options{}, "apps/v1/Deployment", ""},
	}
	for _, test := range tests {
		got := ""
		if removal, ok := newCatalog(t, test.options).Removed(gvk(test.kind)); ok {
			got = fmt.Sprintf("%s %s %s", removal.Product, removal.Version, removal.Replacement)
		}
		if got != test.want {
			t.Errorf("%s: %s: got %q, want %q", test.reason, test.kind, got, test.want)
		}
	}
}

// A CRD in the repository decides which versions of its kind are served.
func TestRepositoryCRDReplacesThatOfFlux(t *testing.T) {
	old := strings.NewReplacer("example.com", "kustomize.toolkit.fluxcd.io", "Widget", "Kustomization",
		"Cluster", "Namespaced", "name: v1\n", "name: v1beta2\n").Replace(widgetCRD)
	catalog := newCatalog(t, schemas.Options{})
	with := catalog.With([]*unstructured.Unstructured{{Object: parse(t, old)}})
	if _, removed := with.Removed(gvk("kustomize.toolkit.fluxcd.io/v1beta2/Kustomization")); removed {
		t.Error("v1beta2 counts as removed although the CRD serves it")
	}
	if known := with.Lookup(gvk("kustomize.toolkit.fluxcd.io/v1/Kustomization")); known.Source != schemas.SourceNone {
		t.Errorf("v1 is known from %s although the CRD does not serve it", known.Source)
	}
	if known := catalog.Lookup(gvk("kustomize.toolkit.fluxcd.io/v1/Kustomization")); known.Source != schemas.SourceFlux {
		t.Error("With changed the catalog that it extends")
	}
}

func TestAPIVersions(t *testing.T) {
	catalog := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{{Object: parse(t, widgetCRD)}})
	got := catalog.APIVersions()
	if !slices.IsSorted(got) {
		t.Error("not sorted")
	}
	for _, want := range []string{"v1", "v1/Secret", "apps/v1", "apps/v1/Deployment", "policy/v1/PodDisruptionBudget", "example.com/v1/Widget", "helm.toolkit.fluxcd.io/v2"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, unwanted := range []string{"policy/v1beta1", "example.com/v1alpha1", "resource.k8s.io/v1beta1", "v1/PodList"} {
		if slices.Contains(got, unwanted) {
			t.Errorf("%s is listed", unwanted)
		}
	}
	old := newCatalog(t, schemas.Options{KubeVersion: "1.21"}).APIVersions()
	if !slices.Contains(old, "policy/v1beta1/PodSecurityPolicy") {
		t.Error("Kubernetes 1.21 lacks policy/v1beta1/PodSecurityPolicy")
	}
}

func TestNamespacedAndVersions(t *testing.T) {
	catalog := newCatalog(t, schemas.Options{})
	tests := []struct {
		kind              schema.GroupKind
		namespaced, known bool
		versions          []string
	}{
		{schema.GroupKind{Kind: "Pod"}, true, true, []string{"v1"}},
		{schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}, true, true, []string{"v2", "v1"}},
		{schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}, false, true, []string{"v1"}},
		{schema.GroupKind{Group: "source.toolkit.fluxcd.io", Kind: "Bucket"}, true, true, []string{"v1"}},
		{schema.GroupKind{Group: "policy", Kind: "PodSecurityPolicy"}, false, true, nil},
		{schema.GroupKind{Group: "nowhere", Kind: "Pod"}, false, false, nil},
	}
	for _, test := range tests {
		namespaced, known := catalog.Namespaced(test.kind)
		if namespaced != test.namespaced || known != test.known {
			t.Errorf("Namespaced(%s) = %v, %v", test.kind, namespaced, known)
		}
		if diff := cmp.Diff(test.versions, catalog.Versions(test.kind)); diff != "" {
			t.Errorf("Versions(%s) (-want +got):\n%s", test.kind, diff)
		}
	}
}

func TestFluxCRDs(t *testing.T) {
	catalog := newCatalog(t, schemas.Options{})
	var names []string
	for _, crd := range catalog.FluxCRDs() {
		names = append(names, crd.GetName())
		crd.SetName("changed")
		if catalog.With([]*unstructured.Unstructured{crd}) == nil {
			t.Fatal("no catalog")
		}
		if violations := catalog.Validate(crd.Object); len(violations) > 0 {
			t.Errorf("%s is no valid CRD: %v", names[len(names)-1], violations)
		}
	}
	want := []string{
		"alerts.notification.toolkit.fluxcd.io", "artifactgenerators.source.extensions.fluxcd.io", "buckets.source.toolkit.fluxcd.io",
		"externalartifacts.source.toolkit.fluxcd.io", "fluxinstances.fluxcd.controlplane.io", "gitrepositories.source.toolkit.fluxcd.io",
		"helmcharts.source.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io", "helmrepositories.source.toolkit.fluxcd.io",
		"imagepolicies.image.toolkit.fluxcd.io", "imagerepositories.image.toolkit.fluxcd.io", "imageupdateautomations.image.toolkit.fluxcd.io",
		"kustomizations.kustomize.toolkit.fluxcd.io", "ocirepositories.source.toolkit.fluxcd.io", "providers.notification.toolkit.fluxcd.io",
		"receivers.notification.toolkit.fluxcd.io", "resourcesetinputproviders.fluxcd.controlplane.io", "resourcesets.fluxcd.controlplane.io",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("CRDs (-want +got):\n%s", diff)
	}
	if catalog.FluxCRDs()[0].GetName() != want[0] {
		t.Error("the caller's change reached the catalog")
	}
}

// What is no CRD, or a broken one, adds nothing and does no harm.
func TestBrokenCRDs(t *testing.T) {
	tests := []struct{ reason, crd, object string }{
		{"no spec", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition", widget},
		{"spec of another type", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: [1]", widget},
		{"another kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", widget},
		{"a pattern that does not compile is left out", strings.Replace(widgetCRD, "^[0-9]+s$", "([", 1), widget + "spec: {size: 1, every: x}"},
		{"equal values in an enum are one", strings.Replace(widgetCRD, "[Fast, Slow]", "[Fast, Fast, Slow]", 1), widget + "spec: {size: 1}"},
		{"a version without schema accepts anything", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: example.com, names: {kind: Widget}, versions: [{name: v1, served: true}]}", widget + "spec: {a: 1}"},
	}
	for _, test := range tests {
		catalog := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{nil, {Object: parse(t, test.crd)}})
		if got := catalog.Validate(parse(t, test.object)); len(got) > 0 {
			t.Errorf("%s: %+v", test.reason, got)
		}
	}
	nonsense := strings.Replace(widgetCRD, "type: integer, minimum: 1", "type: 7, minimum: one", 1)
	nonsense = strings.Replace(nonsense, "maxItems: 2", "maxItems: many", 1)
	got := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{{Object: parse(t, nonsense)}}).Validate(parse(t, widget+"spec: {}"))
	if len(got) != 1 || got[0].Kind != schemas.KindOther || !strings.HasPrefix(got[0].Message, "the schema of Widget can not be used") {
		t.Errorf("a schema that is none is not reported: %+v", got)
	}
}

// Fixtures of the API types set every field; each is known to the catalog.
func TestEveryFieldOfTheAPITypesIsKnown(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(moduleDir(t, "k8s.io/api"), "testdata", "HEAD", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("skipped: the module k8s.io/api has no fixtures")
	}
	catalog := newCatalog(t, schemas.Options{})
	checked := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(data); err != nil || !catalog.Lookup(object.GroupVersionKind()).Schema {
			continue
		}
		checked++
		if violations := catalog.Validate(object.Object); len(violations) > 0 {
			t.Errorf("%s: %+v", filepath.Base(file), violations)
		}
	}
	if checked < 80 {
		t.Errorf("only %d objects checked", checked)
	}
}

func moduleDir(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		return dir
	}
	t.Skipf("skipped: module %s is not in the module cache", path)
	return ""
}

var removedIn = regexp.MustCompile(`func \(in \*(\w+)\) APILifecycleRemoved\(\) \(major, minor int\) \{\s*return (\d+), (\d+)`)

// What the API types say about their end agrees with the table.
func TestRemovalsAgreeWithTheAPITypes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(moduleDir(t, "k8s.io/api"), "*", "*", "zz_generated.prerelease-lifecycle.go"))
	if err != nil || len(files) == 0 {
		t.Skip("skipped: the module k8s.io/api says nothing about lifecycles")
	}
	group := regexp.MustCompile(`GroupName = "(.*)"`)
	ignored := regexp.MustCompile(`List$|^Scale$|Rollback$|Review$|^APIGroupDiscovery$|^Eviction$`)
	catalog := newCatalog(t, schemas.Options{})
	checked := 0
	for _, file := range files {
		lifecycle, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		register, err := os.ReadFile(filepath.Join(filepath.Dir(file), "register.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range removedIn.FindAllStringSubmatch(string(lifecycle), -1) {
			kind := schema.GroupVersionKind{Group: group.FindStringSubmatch(string(register))[1], Version: filepath.Base(filepath.Dir(file)), Kind: match[1]}
			if ignored.MatchString(kind.Kind) || catalog.Lookup(kind).Source == schemas.SourceBuiltin {
				continue
			}
			checked++
			removal, ok := catalog.Removed(kind)
			if want := match[2] + "." + match[3]; !ok || removal.Version != want {
				t.Errorf("%s: removed in %q, want %s", kind, removal.Version, want)
			}
			if ok && !removal.Replacement.Empty() && !catalog.Lookup(removal.Replacement).Served {
				t.Errorf("%s: the replacement %s is not served", kind, removal.Replacement)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d removals checked", checked)
	}
}

// Catalogs are shared between goroutines and give equal answers.
func TestConcurrentUse(t *testing.T) {
	catalog := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{{Object: parse(t, widgetCRD)}})
	objects := []map[string]any{
		parse(t, deployment+"spec: {replica: 1}"), parse(t, widget+"spec: {sise: 1}"), parse(t, container+"      port: 1"),
	}
	results := make([]string, 8)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			for _, object := range objects {
				raw, err := json.Marshal(catalog.Validate(object))
				if err != nil {
					results[i] = err.Error()
				}
				results[i] += string(raw)
			}
		})
	}
	group.Wait()
	for _, result := range results {
		if result != results[0] || !strings.Contains(result, "replica") {
			t.Fatalf("results differ: %s, %s", results[0], result)
		}
	}
}

// A stranger's object with many mistakes under a large schema costs little.
func TestManyViolations(t *testing.T) {
	object := parse(t, widget+"spec: {size: 1}")
	many := map[string]any{}
	for i := range 20000 {
		many[fmt.Sprintf("key%d", i)] = int64(i)
	}
	object["spec"].(map[string]any)["labels"] = many
	catalog := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{{Object: parse(t, widgetCRD)}})
	if got := len(catalog.Validate(object)); got != len(many) {
		t.Errorf("%d violations, want %d", got, len(many))
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := schemas.New(schemas.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// A thousand Deployments of a new catalog, compilation included.
func BenchmarkValidateThousand(b *testing.B) {
	object := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web"},
		"spec": map[string]any{"replicas": int64(2), "selector": map[string]any{}, "template": map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": "c", "image": "nginx", "ports": []any{map[string]any{"containerPort": int64(80)}}}}}}}}
	for b.Loop() {
		catalog, err := schemas.New(schemas.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for range 1000 {
			if violations := catalog.Validate(object); len(violations) > 0 {
				b.Fatal(violations)
			}
		}
	}
}
