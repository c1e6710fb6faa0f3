package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/simulate"
)

// told lists the facts of some kinds.
func told(s simulate.Step, kinds ...string) []string {
	var out []string
	for _, f := range s.Facts {
		if slices.Contains(kinds, f.Fact) {
			out = append(out, fmt.Sprintf("%s %s %s %s", f.Severity, f.Object, f.Field, f.Message))
		}
	}
	return out
}

// turned lists the objects that the server refuses, with the lines of the causes.
func turned(s simulate.Step) []string {
	var out []string
	for _, c := range s.Changes {
		if c.Action != diff.Fail {
			continue
		}
		line := c.Object.String()
		for _, cause := range c.Error.Causes {
			if cause.Field == "" {
				continue
			}
			line += fmt.Sprintf(" %s@%s", cause.Field, cause.Pos)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

const (
	// ruled is a kind whose rules compare fields with each other and with what they were.
	ruled = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            x-kubernetes-validations: [{rule: "self.min <= self.max", message: min must not exceed max, fieldPath: .min}]
            properties:
              min: {type: integer}
              max: {type: integer, MAXIMUM}
              class: {type: string, x-kubernetes-validations: [{rule: "self == oldSelf", message: class is immutable}]}
              mode: {type: string, x-kubernetes-validations: [{rule: "!oldSelf.hasValue() || self == oldSelf.value()", message: mode is set once, optionalOldSelf: true}]}
`
	gadgetFormat = `apiVersion: example.com/v1
kind: Widget
metadata: {name: %s, namespace: default}
spec:
  min: %d
  max: %d
  class: %s
  mode: %s
`
)

// Rules of a definition, those that look at what was included, name the line of
// the field; a value that a stricter schema forbids stays as long as nobody touches it.
func TestRulesOfDefinitions(t *testing.T) {
	gadget := func(name string, low, high int, class, mode string) string {
		return fmt.Sprintf(gadgetFormat, name, low, high, class, mode)
	}
	base := map[string]string{
		"clusters/crds.yaml": child("crds", ""), "crds/crd.yaml": strings.Replace(ruled, ", MAXIMUM", "", 1),
		"clusters/old.yaml": child("old", "dependsOn: [{name: crds}],"), "old/w.yaml": gadget("old", 1, 50, "gold", "fast"),
		"clusters/mixed.yaml": child("mixed", "dependsOn: [{name: crds}],"), "mixed/a.yaml": gadget("a", 1, 2, "gold", "fast"),
		"mixed/b.yaml": gadget("b", 1, 50, "gold", "fast"),
	}
	head := maps.Clone(base)
	head["crds/crd.yaml"] = strings.Replace(ruled, "MAXIMUM", "maximum: 10", 1)
	head["old/w.yaml"] = gadget("old", 2, 50, "gold", "fast") // the value of before is taken along
	head["mixed/a.yaml"] = gadget("a", 5, 2, "silver", "slow")
	head["mixed/b.yaml"] = gadget("b", 1, 51, "gold", "fast")
	all := replayed(t, simulate.Options{}, base, head)
	want := []string{
		"Widget/default/a spec.class@mixed/a.yaml:7:10 spec.min@mixed/a.yaml:5:8 spec.mode@mixed/a.yaml:8:9",
		"Widget/default/b spec.max@mixed/b.yaml:6:8",
	}
	got := turned(all[1])
	for i := range got {
		object, causes, _ := strings.Cut(got[i], " ")
		list := strings.Fields(causes)
		slices.Sort(list)
		got[i] = object + " " + strings.Join(list, " ")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string(nil), turned(all[0])); d != "" {
		t.Errorf("refused in the beginning:\n%s", d)
	}
}

// policy is a ValidatingAdmissionPolicy with a binding of the same name, for the
// namespaces with the label policed.
func policy(name, resource, spec, binding string) string {
	group, resource, _ := strings.Cut(resource, "/")
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: ["%[2]s"], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [%[3]s]}]
    namespaceSelector: {matchLabels: {policed: "yes"}}
  %[4]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, %[5]s}
`, name, group, resource, spec, binding)
}

func space(name, labels string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}", name, labels)
}

func in(namespace, object string) string { return strings.Replace(object, "default", namespace, 1) }

// Policies of the repository decide about what comes after them, say what they
// would only note, and tell what they will refuse of what came before them.
func TestPolicies(t *testing.T) {
	shop := func(name, value string) string { return in("shop", configMap(name, value)) }
	base := map[string]string{
		"clusters/before.yaml": child("before", ""), "before/space.yaml": space("shop", `policed: "yes"`), "before/free.yaml": space("free", ""),
		"before/old.yaml": shop("old", "bad"), "before/good.yaml": shop("good", "good"), "before/free-old.yaml": in("free", configMap("old", "bad")),
	}
	head := maps.Clone(base)
	head["clusters/policies.yaml"] = child("policies", "")
	head["policies/param.yaml"] = configMap("limits", `"3"`)
	head["policies/deny.yaml"] = policy("deny", "/configmaps", "validations: [{expression: \"!('A' in object.data) || object.data['A'] != 'bad'\", messageExpression: \"object.metadata.name + ' is bad'\"}]",
		"validationActions: [Deny]")
	head["policies/count.yaml"] = policy("count", "apps/deployments", `paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConditions: [{name: judged, expression: "!('exempt' in object.metadata.?labels.orValue({}))"}]
  validations: [{expression: "object.spec.replicas <= int(params.data.A)", message: too many}]`,
		"validationActions: [Deny], paramRef: {name: limits, namespace: default, parameterNotFoundAction: Deny}")
	head["policies/warn.yaml"] = policy("warn", "/services", `validations: [{expression: "object.spec.type != 'NodePort'", message: no node ports}]`, "validationActions: [Warn]")
	head["policies/audit.yaml"] = policy("audit", "/services", `validations: [{expression: "'team' in object.metadata.?labels.orValue({})", message: needs a team}]`, "validationActions: [Audit]")
	head["policies/typo.yaml"] = policy("typo", "/serviceaccounts", "failurePolicy: Fail\n  validations: [{expression: \"object.metadata.naem == ''\"}]", "validationActions: [Deny]")
	head["policies/ignored.yaml"] = policy("ignored", "/pods", "failurePolicy: Ignore\n  validations: [{expression: \"object.metadata.naem == ''\"}]", "validationActions: [Deny]")
	head["policies/stamp.yaml"] = strings.ReplaceAll(strings.Replace(policy("stamp", "/configmaps", `reinvocationPolicy: Never
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{metadata: Object.metadata{annotations: {'stamped': 'yes'}}}"}}]`, "x"), ", x", "", 1), "Validating", "Mutating")
	head["clusters/after.yaml"] = child("after", "dependsOn: [{name: policies}],")
	head["after/new.yaml"], head["after/fine.yaml"] = shop("new", "bad"), shop("fine", "good")
	head["after/many.yaml"] = in("shop", strings.Replace(workload("many", "m", "m:1"), "selector:", "replicas: 4, selector:", 1))
	head["after/exempt.yaml"] = in("shop", strings.NewReplacer("selector:", "replicas: 4, selector:", "annotations:", "labels: {exempt: ''}, annotations:").Replace(workload("exempt", "m", "m:1")))
	head["after/free.yaml"] = in("free", configMap("new", "bad"))
	head["clusters/ports.yaml"] = child("ports", "dependsOn: [{name: policies}],")
	head["ports/service.yaml"] = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: NodePort, ports: [{port: 80}]}}"
	head["ports/stamped.yaml"] = shop("stamped", "good")
	head["clusters/accounts.yaml"] = child("accounts", "dependsOn: [{name: policies}],")
	head["accounts/account.yaml"] = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}}"
	last := replayed(t, simulate.Options{}, base, head)[1]

	if d := cmp.Diff([]string{"ConfigMap/shop/new", "Deployment/shop/many", "ServiceAccount/shop/web"}, turned(last)); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
	want := []string{
		`error ConfigMap/shop/old  would be refused at the next reconciliation: configmaps "old" is forbidden: ValidatingAdmissionPolicy 'deny' with binding 'deny' denied request: old is bad`,
		"warning Service/shop/web  is taken with a warning: Validation failed for ValidatingAdmissionPolicy 'warn' with binding 'warn': no node ports",
		"warning Service/shop/web  is taken, and only the audit log tells: Validation failed for ValidatingAdmissionPolicy 'audit' with binding 'audit': needs a team",
	}
	if d := cmp.Diff(want, told(last, "refused-later", "server-warned")); d != "" {
		t.Errorf("said (-want +got):\n%s", d)
	}
	for _, c := range last.Changes {
		if c.Object.String() == "ConfigMap/shop/stamped" && (len(c.Fields) == 0 || !strings.Contains(fmt.Sprint(c.Fields), `stamped: "yes"`)) {
			t.Errorf("the policy has not written into what it is to change: %v", c.Fields)
		}
	}
}
