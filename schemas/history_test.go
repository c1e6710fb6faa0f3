package schemas_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/schemas"
)

func catalogOf(t *testing.T, flux string) *schemas.Catalog {
	t.Helper()
	c, err := schemas.New(schemas.Options{FluxVersion: flux})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a, namespace: a}\nspec:\n  interval: 1m\n"

func TestFieldsByMinor(t *testing.T) {
	const chart = "  chartRef: {kind: OCIRepository, name: a}\n"
	tests := map[string]struct {
		reason  string
		object  string
		refused []string // minors that refuse it
	}{
		"server-side apply of a release": {"came with Helm 4", release + chart + "  install: {serverSideApply: false}\n", []string{"2.6", "2.7"}},
		"wait strategy":                  {"came with Helm 4", release + chart + "  waitStrategy: {name: legacy}\n", []string{"2.6", "2.7"}},
		"literal value":                  {"a field inside of a list", release + chart + "  valuesFrom: [{kind: Secret, name: a, literal: true}]\n", []string{"2.6", "2.7", "2.8"}},
		"health of a whole group":        {"kind of a health expression is optional", release + chart + "  healthCheckExprs: [{apiVersion: a/v1, current: 'true'}]\n", []string{"2.6", "2.7", "2.8"}},
		"OCI chart template": {"needs neither chart nor sourceRef", release + "  chart: {kind: OCIRepository, spec: {url: 'oci://a/b'}}\n",
			[]string{"2.6", "2.7", "2.8", "2.9"}},
		"chart without a name":        {"stays wrong where kind is a chart", release + "  chart: {kind: OCI, spec: {url: 'oci://a/b'}}\n", []string{"2.6", "2.7", "2.8", "2.9", "2.10"}},
		"substitution without values": {"came with strict substitution", kustomizationText + "  postBuild: {substituteStrategy: Always}\n", []string{"2.6", "2.7", "2.8"}},
		"drift to ignore":             {"a list of objects", kustomizationText + "  ignore: [{paths: [/spec/replicas]}]\n", []string{"2.6", "2.7", "2.8"}},
		"receiver without secret": {"the Secret of a Receiver is optional", "apiVersion: notification.toolkit.fluxcd.io/v1\nkind: Receiver\nmetadata: {name: a, namespace: a}\n" +
			"spec: {type: generic-oidc, oidcProviders: [{issuerURL: 'https://a', audience: b, validations: [{expression: x, message: wrong}]}], resources: [{kind: Bucket, name: a}]}\n", []string{"2.6", "2.7", "2.8"}},
		"alert about an artifact": {"an item of an enumeration", "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Alert\nmetadata: {name: a, namespace: a}\n" +
			"spec: {providerRef: {name: a}, eventSources: [{kind: ExternalArtifact, name: a}]}\n", []string{"2.6", "2.7"}},
		"mastodon": {"a provider of the next version", "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata: {name: a, namespace: a}\nspec: {type: mastodon}\n",
			[]string{"2.6", "2.7", "2.8", "2.9"}},
		"dotted artifact": {"the pattern of a name became a rule", "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {name: a, namespace: a}\n" +
			"spec: {sources: [{alias: a, kind: GitRepository, name: a}], artifacts: [{name: a.b, copy: [{from: '@a/**', to: '@artifact/'}]}]}\n", []string{"2.7", "2.8"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			object := parse(t, test.object)
			var refused []string
			for _, minor := range []string{"2.6", "2.7", "2.8", "2.9", "2.10"} {
				if len(catalogOf(t, minor).Validate(object)) > 0 {
					refused = append(refused, minor)
				}
			}
			if diff := cmp.Diff(test.refused, refused); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

const kustomizationText = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: a}\nspec:\n" +
	"  interval: 1m\n  prune: true\n  sourceRef: {kind: GitRepository, name: a}\n"

func TestUnknownFieldSaysSinceWhenItIsThere(t *testing.T) {
	object := parse(t, kustomizationText+"  postBuild: {substituteStrategy: Always}\n")
	found := catalogOf(t, "2.8").Validate(object)
	if len(found) != 1 || found[0].Message != `"substituteStrategy" is no field of Kustomization.spec.postBuild: Flux has it since 2.9` {
		t.Errorf("got %v, want the version that has the field", found)
	}
}

func TestKindsByMinor(t *testing.T) {
	tests := map[string]struct {
		reason string
		gvk    schema.GroupVersionKind
		served []string
	}{
		"external artifact": {"came with 2.7", schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "ExternalArtifact"}, []string{"2.7", "2.8", "2.9", "2.10"}},
		"old release":       {"went with 2.8", schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2beta2", Kind: "HelmRelease"}, []string{"2.6", "2.7"}},
		"old receiver":      {"went with 2.9", schema.GroupVersionKind{Group: "notification.toolkit.fluxcd.io", Version: "v1beta2", Kind: "Receiver"}, []string{"2.6", "2.7", "2.8"}},
		"stable alert":      {"came with 2.10", schema.GroupVersionKind{Group: "notification.toolkit.fluxcd.io", Version: "v1", Kind: "Alert"}, []string{"2.10"}},
		"beta alert":        {"is there all the while", schema.GroupVersionKind{Group: "notification.toolkit.fluxcd.io", Version: "v1beta3", Kind: "Alert"}, []string{"2.6", "2.7", "2.8", "2.9", "2.10"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var served []string
			for _, minor := range []string{"2.6", "2.7", "2.8", "2.9", "2.10"} {
				if catalogOf(t, minor).Lookup(test.gvk).Served {
					served = append(served, minor)
				}
			}
			if diff := cmp.Diff(test.served, served); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

func TestStableAlertHasNoOldFields(t *testing.T) {
	object := parse(t, "apiVersion: notification.toolkit.fluxcd.io/v1\nkind: Alert\nmetadata: {name: a, namespace: a}\n"+
		"spec: {providerRef: {name: a}, summary: old, eventSources: [{kind: Bucket, name: a}]}\n")
	found := catalogOf(t, "2.10").Validate(object)
	if len(found) != 1 || found[0].Pointer != "/spec/summary" || found[0].Kind != schemas.KindUnknownField {
		t.Errorf("got %v, want the unknown field spec.summary alone", found)
	}
}

func TestFluxVersions(t *testing.T) {
	got := schemas.FluxVersions()
	if len(got) != 11 || got[0] != "2.0" || got[10] != "2.10" || !slices.Contains(got, schemas.FluxVersion) {
		t.Errorf("got %v, want 2.0 to 2.10", got)
	}
}

// One version stores the objects of a kind, as the API server demands.
func TestOneStorageVersion(t *testing.T) {
	for _, minor := range schemas.FluxVersions() {
		for _, crd := range catalogOf(t, minor).FluxCRDs() {
			versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
			stored := 0
			for _, v := range versions {
				if v.(map[string]any)["storage"] == true {
					stored++
				}
			}
			if stored != 1 {
				t.Errorf("Flux %s: %s is stored in %d versions", minor, crd.GetName(), stored)
			}
		}
	}
}

// fluxCRDsFolder holds released CRDs by minor, where somebody put them there.
const fluxCRDsFolder = "FLUX_CRDS"

// What history makes of the embedded CRDs has the fields of the released ones.
func TestHistoryEqualsReleasedCRDs(t *testing.T) {
	folder := os.Getenv(fluxCRDsFolder)
	if folder == "" {
		t.Skipf("skipped: %s names no folder with the released CRDs of 2.7 and 2.8", fluxCRDsFolder)
	}
	for _, minor := range []string{"2.7", "2.8"} {
		for _, crd := range catalogOf(t, minor).FluxCRDs() {
			files, _ := filepath.Glob(filepath.Join(folder, minor, "*_"+plural(crd)+".yaml"))
			if len(files) != 1 {
				continue
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			released := unstructured.Unstructured{Object: parse(t, string(data))}
			if diff := cmp.Diff(fieldsOf(&released), fieldsOf(crd)); diff != "" {
				t.Errorf("Flux %s %s (-released +here):\n%s", minor, crd.GetName(), diff)
			}
		}
	}
}

func plural(crd *unstructured.Unstructured) string {
	name, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	return name
}

// fieldsOf lists the paths of spec, with enumerations and required fields, of
// the version that stores the objects.
func fieldsOf(crd *unstructured.Unstructured) []string {
	var out []string
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		for _, key := range []string{"enum", "required"} {
			values, _ := s[key].([]any)
			for _, v := range values {
				out = append(out, path+" "+key+" "+v.(string))
			}
		}
		if items, ok := s["items"].(map[string]any); ok {
			walk(path, items)
		}
		properties, _ := s["properties"].(map[string]any)
		for name, v := range properties {
			if path != "" || name == "spec" {
				out = append(out, path+"."+name)
				walk(path+"."+name, v.(map[string]any))
			}
		}
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version := v.(map[string]any)
		if version["storage"] != true {
			continue
		}
		root, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
		delete(root, "required")
		walk("", root)
	}
	slices.Sort(out)
	return out
}
