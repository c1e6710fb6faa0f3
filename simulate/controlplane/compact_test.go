package controlplane

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// peculiar uses what a schema can say, and what the forms in which it may be
// stored tell apart or not.
const peculiar = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: oddities.example.com
  annotations: {a: "", b: "1"}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Oddity, plural: oddities, shortNames: [odd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.amount, statusReplicasPath: .status.n}}
    additionalPrinterColumns: [{name: N, type: integer, jsonPath: .spec.amount, priority: 0}]
    selectableFields: [{jsonPath: .spec.s}]
    schema:
      openAPIV3Schema:
        type: object
        required: []
        properties:
          spec:
            type: object
            x-kubernetes-validations: [{rule: "!has(self.amount) || self.amount >= 0", message: "no", reason: FieldValueForbidden, fieldPath: .amount}]
            properties:
              amount: {type: integer, minimum: 0, maximum: 1.5e3, exclusiveMaximum: false, default: 0, multipleOf: 1}
              s: {type: string, enum: ["", "null", "1"], default: "", nullable: true, minLength: 0}
              z: {type: string, nullable: true, default: null}
              o: {type: object, default: {a: {b: [1, 1.0, "x", null, true]}}, x-kubernetes-preserve-unknown-fields: true}
              i: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              e: {type: object, additionalProperties: false}
              f: {type: object, additionalProperties: true}
              g: {type: object, additionalProperties: {type: object, x-kubernetes-preserve-unknown-fields: true}}
              l: {type: array, items: {type: object, properties: {k: {type: string, default: ""}}, required: [k]}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], minItems: 0, uniqueItems: false}
              r: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
              q: {type: object, oneOf: [{}, {required: [w]}], not: {required: [v]}, properties: {v: {type: string}, w: {type: string}}, externalDocs: {url: ""}, example: {}}
  - name: v1alpha1
    served: true
    storage: false
    deprecated: true
    deprecationWarning: "no more"
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestDefinitionsAreStoredAlike compares definitions of all sizes, and an object
// of such a kind, with those of the same version, started as Kubernetes starts it.
func TestDefinitionsAreStoredAlike(t *testing.T) {
	planes := alike(t)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict([]byte(peculiar), crd); err != nil {
		t.Fatal(err)
	}
	anything, preserve := apiextensionsv1.JSONSchemaProps{Type: "object"}, true
	anything.XPreserveUnknownFields = &preserve
	for i, size := range []int{0, 2 * shortLimit, 5 * longLimit / 4, 2 * longLimit} {
		one := crd.DeepCopy()
		one.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Kind: fmt.Sprintf("Oddity%d", i), Plural: fmt.Sprintf("oddities%d", i)}
		one.Name = one.Spec.Names.Plural + ".example.com"
		for n := range size / 65 { // bytes of each at length
			one.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties[fmt.Sprintf("p%d", n)] = anything
		}
		var said []string
		for _, p := range planes {
			said = append(said, fmt.Sprint(define(t, p, one)))
		}
		if refused := said[1] != "<nil>"; refused != (size == 2*longLimit) {
			t.Errorf("of %d bytes: Kubernetes says %q", size, said[1])
		}
		if diff := cmp.Diff(said[1], said[0]); diff != "" {
			t.Errorf("of %d bytes (-as Kubernetes starts it +linked): %s", size, diff)
		}
	}
	for _, p := range planes {
		if err := define(t, p, crd); err != nil {
			t.Fatal(err)
		}
	}
	sameObjects(t, planes)
	if have := objects(t, planes[0].Config()); have["CustomResourceDefinition//oddities.example.com"] == nil || have["CustomResourceDefinition//oddities2.example.com"] == nil {
		t.Error("the definitions are not stored")
	}
}

// define applies a definition on a control plane.
func define(t *testing.T, p *Plane, crd *apiextensionsv1.CustomResourceDefinition) error {
	t.Helper()
	data, err := json.Marshal(crd)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(p.Config())
	if err != nil {
		t.Fatal(err)
	}
	force := true
	_, err = client.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")).
		Patch(t.Context(), crd.Name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: "test", Force: &force})
	return err
}
