package schemas_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/schemas"
)

// parse reads one object, with the number types that Kubernetes decodes to.
func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func newCatalog(t *testing.T, options schemas.Options) *schemas.Catalog {
	t.Helper()
	catalog, err := schemas.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null}
`

const container = `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - name: c
      image: nginx
`

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Widget, plural: widgets}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [size, mode]
              properties:
                size: {type: integer, minimum: 1, maximum: 10, exclusiveMaximum: true}
                mode: {type: string, enum: [Fast, Slow], default: Fast}
                port: {x-kubernetes-int-or-string: true}
                note: {type: string, nullable: true}
                every: {type: string, pattern: '^[0-9]+s$'}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: string}}}
                bag: {type: object}
                names: {type: array, items: {type: string}, maxItems: 2, x-kubernetes-list-type: set}
                labels: {type: object, additionalProperties: {type: string}}
                template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
                choice:
                  type: object
                  properties: {a: {type: string}, b: {type: string}}
                  oneOf: [{required: [a]}, {required: [b]}]
            status: {type: object, required: [phase], properties: {phase: {type: string}}}
    - name: v1alpha1
      served: false
      storage: false
      schema: {openAPIV3Schema: {type: object}}
`

const widget = `
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
`

// validateTests are objects and what is wrong with them.
var validateTests = []struct {
	reason string
	object string
	want   []schemas.Violation
}{
	{
		reason: "a word is no integer",
		object: deployment + `spec: {replicas: three, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c}]}}}`,
		want:   []schemas.Violation{{Pointer: "/spec/replicas", Kind: schemas.KindType, Message: `"three" is a string, want integer`}},
	},
	{
		reason: "a quoted number is no integer, the number is suggested",
		object: deployment + `spec: {replicas: "3", selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c}]}}}`,
		want:   []schemas.Violation{{Pointer: "/spec/replicas", Kind: schemas.KindType, Message: `"3" is a string, want integer`, Suggestion: "3"}},
	},
	{
		reason: "a typo names the field that was meant",
		object: deployment + `spec: {replica: 3, selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c}]}}}`,
		want:   []schemas.Violation{{Pointer: "/spec/replica", Kind: schemas.KindUnknownField, Field: "replica", Message: `"replica" is no field of Deployment.spec`, Suggestion: "replicas"}},
	},
	{
		reason: "an unknown field deep in a list, wrong in case",
		object: container + `      ports: [{containerport: 80, containerPort: 80}]`,
		want:   []schemas.Violation{{Pointer: "/spec/containers/0/ports/0/containerport", Kind: schemas.KindUnknownField, Field: "containerport", Message: `"containerport" is no field of Pod.spec.containers[0].ports[0]`, Suggestion: "containerPort"}},
	},
	{
		reason: "quantities may be numbers, whole or not",
		object: container + `      resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 0.5, memory: 1e9}}`,
	},
	{
		reason: "a quantity that the API server can not decode",
		object: container + `      resources: {requests: {memory: 512 MB}}`,
		want:   []schemas.Violation{{Pointer: "/spec/containers/0/resources/requests/memory", Kind: schemas.KindPattern, Message: `"512 MB" is not a quantity such as 500m or 1Gi`}},
	},
	{
		reason: "ports are names or numbers",
		object: "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, targetPort: http}, {port: 81, targetPort: 8080}]}",
	},
	{
		reason: "two ports with the same number, the protocol being TCP by default",
		object: "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: a, port: 80, protocol: TCP}, {name: b, port: 80}]}",
		want:   []schemas.Violation{{Pointer: "/spec/ports/1", Kind: schemas.KindDuplicate, Message: `Service.spec.ports[1] has the same port 80, protocol "TCP" as Service.spec.ports[0]`}},
	},
	{
		reason: "two variables of one name",
		object: container + `      env: [{name: A, value: x}, {name: B, value: why}, {name: A, value: z}]`,
		want:   []schemas.Violation{{Pointer: "/spec/containers/0/env/2", Kind: schemas.KindDuplicate, Message: `Pod.spec.containers[0].env[2] has the same name "A" as Pod.spec.containers[0].env[0]`}},
	},
	{
		reason: "a number as the value of a variable is the best known mistake",
		object: container + `      env: [{name: A, value: 1}]`,
		want:   []schemas.Violation{{Pointer: "/spec/containers/0/env/0/value", Kind: schemas.KindType, Message: `1 is an integer, want string`, Suggestion: `"1"`}},
	},
	{
		reason: "nulls are dropped, wherever a built-in kind has them",
		object: container + "      resources: null\n      args: [null]\n      env: null\n  nodeSelector: null\n  volumes: [{name: v, emptyDir: null}]\nstatus: null",
	},
	{
		reason: "null is as good as absent for a required field",
		object: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: null}",
		want:   []schemas.Violation{{Pointer: "/spec", Kind: schemas.KindRequired, Field: "containers", Message: `Pod.spec lacks the required field "containers"`}},
	},
	{
		reason: "empty objects and lists are fine",
		object: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: np, labels: {}, annotations: {}}\nspec: {podSelector: {}, ingress: [{}], egress: []}",
	},
	{
		reason: "fields that OpenAPI calls required but whose zero value is accepted",
		object: container + `      livenessProbe: {httpGet: {port: http, httpHeaders: [{name: Host, value: ""}, {name: X}]}}`,
	},
	{
		reason: "the status of a built-in kind is ignored, but must not have unknown fields",
		object: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {}, template: {spec: {containers: [{name: c}]}}}\nstatus: {conditions: [{}], relicas: 1}",
		want:   []schemas.Violation{{Pointer: "/status/relicas", Kind: schemas.KindUnknownField, Field: "relicas", Message: `"relicas" is no field of Deployment.status`, Suggestion: "replicas"}},
	},
	{
		reason: "data indented under metadata belong one level up",
		object: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  data: {a: b}",
		want:   []schemas.Violation{{Pointer: "/metadata/data", Kind: schemas.KindUnknownField, Field: "data", Message: `"data" is no field of ConfigMap.metadata, but one of ConfigMap`}},
	},
	{
		reason: "a number in a ConfigMap",
		object: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {port: 8080, on: true}",
		want: []schemas.Violation{
			{Pointer: "/data/port", Kind: schemas.KindType, Message: `8080 is an integer, want string`, Suggestion: `"8080"`},
			{Pointer: "/data/true", Kind: schemas.KindType, Message: `true is a boolean, want string`, Suggestion: `"true"`},
		},
	},
	{
		reason: "pointers and messages escape names with slashes, percent signs and spaces",
		object: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {'a/b~c d%20': 1}",
		want:   []schemas.Violation{{Pointer: "/data/a~1b~0c d%20", Kind: schemas.KindType, Message: `1 is an integer, want string`, Suggestion: `"1"`}},
	},
	{
		reason: "Secret data are base64; what SOPS encrypted is not judged",
		object: "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {good: aGVsbG8=, bad: hunter2!, sealed: 'ENC[AES256_GCM,data:xx]'}",
		want:   []schemas.Violation{{Pointer: "/data/bad", Kind: schemas.KindPattern, Message: `"hunter2!" is not base64`}},
	},
	{
		reason: "labels have a syntax, also those of a pod template; annotations have one for keys only",
		object: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {Ok/K: 'any value!', a/b/c: x}}\nspec: {selector: {}, template: {metadata: {labels: {a: b c}}, spec: {containers: [{name: c}]}}}",
		want: []schemas.Violation{{Pointer: "/metadata/annotations/a~1b~1c", Kind: schemas.KindPattern,
			Message: `"a/b/c" is no valid key in Deployment.metadata.annotations, want a name such as "app" or "example.com/app"`}, {Pointer: "/spec/template/metadata/labels/a", Kind: schemas.KindPattern,
			Message: `"b c" is no valid label value, want at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends`}},
	},
	{
		reason: "an object without a name",
		object: "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: x}",
		want:   []schemas.Violation{{Pointer: "/metadata", Kind: schemas.KindRequired, Field: "name", Message: `ConfigMap.metadata lacks the required field "name"`}},
	},
	{
		reason: "a Flux Kustomization with a typo, a missing field and a bad duration",
		object: "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: k}\nspec: {interval: 10minutes, sourceref: {}, prune: true, sourceRef: {kind: GitRepo, name: x}}",
		want: []schemas.Violation{
			{Pointer: "/spec/interval", Kind: schemas.KindPattern, Message: `"10minutes" does not match the pattern "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$" of Kustomization.spec.interval`},
			{Pointer: "/spec/sourceRef/kind", Kind: schemas.KindEnum, Message: `"GitRepo" is not allowed for Kustomization.spec.sourceRef.kind, want one of "OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"`},
			{Pointer: "/spec/sourceref", Kind: schemas.KindUnknownField, Field: "sourceref", Message: `"sourceref" is no field of Kustomization.spec`, Suggestion: "sourceRef"},
		},
	},
	{
		reason: "values of a HelmRelease are free",
		object: "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: h}\nspec: {interval: 1h, chartRef: {kind: OCIRepository, name: x}, values: {a: {b: [1, null]}}}",
	},
	{
		reason: "the Flux Operator lets alerts watch its own kinds",
		object: "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Alert\nmetadata: {name: a}\nspec: {providerRef: {name: p}, eventSources: [{kind: FluxInstance, name: '*'}]}",
	},
	{
		reason: "the spec of an operator's kind is open",
		object: "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux}\nspec: {distribution: {version: 2.x, registry: ghcr.io/fluxcd}, anything: {goes: 1}}",
	},
	{
		reason: "a kind that nobody knows is not judged",
		object: "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {}\nspec: 1",
	},
	{
		reason: "no kind at all",
		object: "apiVersion: v1",
	},
	{
		reason: "int-or-string, nullable, open and unstructured parts of a CRD",
		object: widget + "spec: {size: 3, port: http, note: null, free: {known: a, other: {x: 1}}, bag: {any: 1}, labels: {a: b}, template: {apiVersion: v1, kind: Pod, spec: {x: 1}}, mode: null}",
	},
	{
		reason: "a default stands in for a required field; null counts as absent",
		object: widget + "spec: {size: null}",
		want:   []schemas.Violation{{Pointer: "/spec", Kind: schemas.KindRequired, Field: "size", Message: `Widget.spec lacks the required field "size"`}},
	},
	{
		reason: "the status of a CRD with that subresource is not required to be complete",
		object: widget + "spec: {size: 3}\nstatus: {}",
	},
	{
		reason: "an open object still checks the fields that it lists",
		object: widget + "spec: {size: 3, free: {known: 1}}",
		want:   []schemas.Violation{{Pointer: "/spec/free/known", Kind: schemas.KindType, Message: `1 is an integer, want string`, Suggestion: `"1"`}},
	},
	{
		reason: "bounds, exclusive ones too, list length, set members",
		object: widget + "spec: {size: 10, every: 10m, names: [a, b, a], sise: 4}",
		want: []schemas.Violation{
			{Pointer: "/spec/every", Kind: schemas.KindPattern, Message: `"10m" does not match the pattern "^[0-9]+s$" of Widget.spec.every`},
			{Pointer: "/spec/names", Kind: schemas.KindMinimum, Message: `Widget.spec.names has more items than 2`},
			{Pointer: "/spec/names/2", Kind: schemas.KindDuplicate, Message: `Widget.spec.names[2] has the same value "a" as Widget.spec.names[0]`},
			{Pointer: "/spec/sise", Kind: schemas.KindUnknownField, Field: "sise", Message: `"sise" is no field of Widget.spec`, Suggestion: "size"},
			{Pointer: "/spec/size", Kind: schemas.KindMinimum, Message: `10 must be less than 10`},
		},
	},
	{
		reason: "none of several alternatives is one violation",
		object: widget + "spec: {size: 3, choice: {}}",
		want:   []schemas.Violation{{Pointer: "/spec/choice", Kind: schemas.KindOther, Message: `Widget.spec.choice fits none, or several, of the alternatives that its schema allows`}},
	},
	{
		reason: "an allowed value is suggested; a null in a list is wrong in a CRD",
		object: widget + "spec: {size: 3, mode: fast, names: [null]}",
		want: []schemas.Violation{
			{Pointer: "/spec/mode", Kind: schemas.KindEnum, Message: `"fast" is not allowed for Widget.spec.mode, want one of "Fast", "Slow"`, Suggestion: "Fast"},
			{Pointer: "/spec/names/0", Kind: schemas.KindType, Message: `null is not allowed, want string`},
		},
	},
	{
		reason: "the metadata of a custom object are those of every object",
		object: "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, label: {}}\nspec: {size: 1}",
		want:   []schemas.Violation{{Pointer: "/metadata/label", Kind: schemas.KindUnknownField, Field: "label", Message: `"label" is no field of Widget.metadata`, Suggestion: "labels"}},
	},
	{
		reason: "an object where a list is wanted, and a list where an object is",
		object: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: {name: c}, securityContext: []}",
		want: []schemas.Violation{
			{Pointer: "/spec/containers", Kind: schemas.KindType, Message: `Pod.spec.containers is an object, want list`},
			{Pointer: "/spec/securityContext", Kind: schemas.KindType, Message: `Pod.spec.securityContext is a list, want object`},
		},
	},
}

func TestValidate(t *testing.T) {
	catalog := newCatalog(t, schemas.Options{}).With([]*unstructured.Unstructured{{Object: parse(t, widgetCRD)}})
	for _, test := range validateTests {
		t.Run(test.reason, func(t *testing.T) {
			object := parse(t, test.object)
			got := catalog.Validate(object)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(parse(t, test.object), object); diff != "" {
				t.Errorf("the object was changed (-before +after):\n%s", diff)
			}
		})
	}
}
