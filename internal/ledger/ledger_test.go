package ledger

//lint:file-ignore SA1019 versions that an older Flux serves are held against the ledger, too

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	helmv2beta1 "github.com/fluxcd/helm-controller/api/v2beta1"
	helmv2beta2 "github.com/fluxcd/helm-controller/api/v2beta2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	kustomizev1beta1 "github.com/fluxcd/kustomize-controller/api/v1beta1"
	kustomizev1beta2 "github.com/fluxcd/kustomize-controller/api/v1beta2"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/fluxinstance"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization"
	"github.com/flux-rehearse/flux-rehearse/render/resourceset"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate/rules"
)

// kind is a Flux kind with its ledger and the Go types of its API versions.
type kind struct {
	ledger  render.Ledger
	current string
	types   map[string]reflect.Type
	crd     string // that holds the fields of a kind without Go types here
}

func kinds() []kind {
	return []kind{
		{kustomization.Ledger(), "v1", map[string]reflect.Type{
			"v1":      reflect.TypeFor[kustomizev1.Kustomization](),
			"v1beta2": reflect.TypeFor[kustomizev1beta2.Kustomization](),
			"v1beta1": reflect.TypeFor[kustomizev1beta1.Kustomization](),
		}, ""},
		{helmrelease.Ledger(), "v2", map[string]reflect.Type{
			"v2":      reflect.TypeFor[helmv2.HelmRelease](),
			"v2beta2": reflect.TypeFor[helmv2beta2.HelmRelease](),
			"v2beta1": reflect.TypeFor[helmv2beta1.HelmRelease](),
		}, ""},
		{resourceset.Ledger(), "v1", nil, "resourcesets.fluxcd.controlplane.io"},
		{inputprovider.Ledger(), "v1", nil, "resourcesetinputproviders.fluxcd.controlplane.io"},
		{fluxinstance.Ledger(), "v1", nil, "fluxinstances.fluxcd.controlplane.io"},
	}
}

// TestLedgerIsComplete fails when an API version gains or loses a field, until
// the ledger says what becomes of it.
func TestLedgerIsComplete(t *testing.T) {
	for _, k := range kinds() {
		if k.crd != "" {
			continue // TestLedgersOfTheOperator
		}
		current := Leaves(k.types[k.current])
		for version, typ := range k.types {
			want := Leaves(typ)
			if version != k.current {
				want = slices.DeleteFunc(want, func(f string) bool { return slices.Contains(current, f) })
			}
			var got []string
			for _, f := range k.ledger.Fields() {
				if slices.Contains(f.Versions, version) || version == k.current && len(f.Versions) == 0 {
					got = append(got, f.Path)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-fields of the API that the current version does not have +rows of the ledger):\n%s", k.ledger.Kind, version, diff)
			}
		}
	}
}

// TestLedgersOfTheOperator holds ledgers against the fields of the CRDs, as the
// API of the Flux Operator has no Go types here.
func TestLedgersOfTheOperator(t *testing.T) {
	catalog, err := schemas.New(schemas.Options{KubeVersion: render.DefaultSettings().KubeVersion})
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, k := range kinds() {
		for _, crd := range catalog.FluxCRDs() {
			if crd.GetName() != k.crd {
				continue
			}
			held++
			versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
			root, _, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
			want := schemaLeaves(root, "")
			var got []string
			for _, f := range k.ledger.Fields() {
				got = append(got, f.Path)
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-fields of the CRD +rows of the ledger):\n%s", k.ledger.Kind, diff)
			}
		}
	}
	if held != 3 {
		t.Errorf("%d ledgers have a CRD, want 3", held)
	}
}

// schemaLeaves lists the fields of a schema that hold no further ones.
func schemaLeaves(schema map[string]any, at string) []string {
	if items, ok := schema["items"].(map[string]any); ok {
		return schemaLeaves(items, at+"[]")
	}
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) == 0 {
		return []string{at}
	}
	var out []string
	for name, v := range properties {
		below, _ := v.(map[string]any)
		out = append(out, schemaLeaves(below, strings.TrimPrefix(at+"."+name, "."))...)
	}
	return out
}

// TestRowsAreSound holds the rows against the registry of rules.
func TestRowsAreSound(t *testing.T) {
	known := map[string]bool{}
	for _, r := range rules.All() {
		known[r.ID] = true
	}
	uses := []render.Use{render.UseRendered, render.UseChecked, render.UseReplayed, render.UseNone, render.UseUnknown}
	for _, k := range kinds() {
		for _, f := range slices.Concat(k.ledger.Fields(), k.ledger.Labels()) {
			where := k.ledger.Kind + " " + f.Path
			if !slices.Contains(uses, f.Use) {
				t.Errorf("%s: the use %q does not exist", where, f.Use)
			}
			if f.Why == "" {
				t.Errorf("%s: the row gives no reason", where)
			}
			if f.Use == render.UseChecked && len(f.Rules) == 0 {
				t.Errorf("%s: no rule is named that checks it", where)
			}
			for _, id := range f.Rules {
				if !known[id] {
					t.Errorf("%s: there is no rule %q", where, id)
				}
			}
			for _, v := range f.Versions {
				if k.types[v] == nil {
					t.Errorf("%s: there is no version %q", where, v)
				}
			}
		}
	}
}

const page = "../../docs/fields.md"

// TestDocumentation holds docs/fields.md against the ledgers; UPDATE=1 writes it.
func TestDocumentation(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(introduction)
	for _, k := range kinds() {
		document(&b, k)
	}
	path := filepath.FromSlash(page)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is not what the ledgers say; run the test with UPDATE=1 (-want +got):\n%s", page, diff)
	}
}

const introduction = `<!-- Generated from the ledgers of the renderers: UPDATE=1 go test ./internal/ledger. Do not edit. -->

# What becomes of every field

Of every field of a Kustomization, a HelmRelease and the kinds of the Flux Operator this page says what flux-rehearse does with it:

- **rendered**: it decides which objects Flux applies, or whether it applies any; "validate" and "simulate" both follow it.
- **checked**: it changes nothing of what is applied; a rule reports mistakes in it.
- **replayed**: it decides how objects get into a cluster; "simulate" follows it, and "validate" only as far as a rule is named.
- **none**: it means nothing without a running cluster, for the reason given.
- **unknown**: it matters in a cluster and is not followed; the report says so where it is used.

The [rules](rules.md) named report mistakes in the field. Besides those, schema/violation and schema/unknown-field hold every field
against the schema of its kind. [] marks the items of a list.
`

func document(b *bytes.Buffer, k kind) {
	fmt.Fprintf(b, "\n## %s %s\n\n| Field | | What for | Rules |\n|---|---|---|---|\n", k.ledger.Kind, k.current)
	var old []render.Field
	for _, f := range k.ledger.Fields() {
		if len(f.Versions) > 0 {
			old = append(old, f)
			continue
		}
		row(b, f, "")
	}
	if len(old) > 0 {
		fmt.Fprintf(b, "\n### Fields of older versions\n\n| Field | | What for | Rules |\n|---|---|---|---|\n")
	}
	for _, f := range old {
		row(b, f, " ("+strings.Join(f.Versions, ", ")+")")
	}
	fmt.Fprintf(b, "\n### Labels and annotations\n\n| Key | | What for | Rules |\n|---|---|---|---|\n")
	for _, f := range k.ledger.Labels() {
		row(b, f, "")
	}
}

func row(b *bytes.Buffer, f render.Field, note string) {
	var ids []string
	for _, id := range f.Rules {
		ids = append(ids, fmt.Sprintf("[%s](rules.md#%s)", id, strings.ReplaceAll(id, "/", "")))
	}
	fmt.Fprintf(b, "| `%s`%s | %s | %s | %s |\n", f.Path, note, f.Use, f.Why, strings.Join(ids, ", "))
}

// TestLeaves says how fields are listed.
func TestLeaves(t *testing.T) {
	type item struct {
		Name string `json:"name,omitempty"`
	}
	type object struct {
		item  `json:",inline"`
		Items []item             `json:"items"`
		One   *item              `json:"one"`
		Text  []string           `json:"text"`
		Pairs map[string]float64 `json:"pairs"`
	}
	// The types of this test are no part of the Flux API, so they are one field.
	if diff := cmp.Diff([]string{""}, Leaves(reflect.TypeFor[object]())); diff != "" {
		t.Errorf("a type of another module (-want +got):\n%s", diff)
	}
	want := []string{"apiVersion", "kind", "name", "namespace"}
	if diff := cmp.Diff(want, Leaves(reflect.TypeFor[kustomizev1.CrossNamespaceSourceReference]())); diff != "" {
		t.Errorf("a type of the API (-want +got):\n%s", diff)
	}
}
