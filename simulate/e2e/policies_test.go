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

// row is a policy about ConfigMaps whose label "row" is that of the policy.
func row(name, spec, binding string) string {
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    objectSelector: {matchLabels: {row: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  %[2]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, %[3]s}
`, name, spec, binding)
}

func judged(name, labels string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: shop, labels: {%s}}, data: {A: bad}}", name, labels)
}

// Each part of a ValidatingAdmissionPolicy and of its binding decides as in a cluster.
func TestPartsOfPolicies(t *testing.T) {
	const (
		never  = "validations: [{expression: 'false', message: never}]"
		deny   = "validationActions: [Deny]"
		params = "paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: \"object.data.A != params.data.A\", messageExpression: \"'not ' + params.data.A\"}]"
	)
	rows := []struct{ name, why, spec, binding, object, said string }{
		{"selected", "the object has the label", never, deny, "row: selected", "never"},
		{"unselected", "the object has another label", never, deny, "row: other", ""},
		{"conditions", "a condition of the policy leaves the object out", "matchConditions: [{name: c, expression: \"object.data.A == 'good'\"}]\n  " + never, deny, "row: conditions", ""},
		{"variables", "the message is computed from variables", "variables: [{name: a, expression: object.data.A}, {name: b, expression: variables.a + '!'}]\n  " +
			"validations: [{expression: \"variables.b == 'good!'\", messageExpression: \"'found ' + variables.b\"}]", deny, "row: variables", "found bad!"},
		{"named", "the parameter is in the repository", params, deny + ", paramRef: {name: limits, namespace: shop, parameterNotFoundAction: Deny}", "row: named", "not bad"},
		{"own", "the parameter is in the namespace of the object", params, deny + ", paramRef: {name: limits, parameterNotFoundAction: Deny}", "row: own", "not bad"},
		{"several", "one of the parameters forbids it", params, deny + ", paramRef: {selector: {matchLabels: {limits: 'yes'}}, parameterNotFoundAction: Deny}", "row: several", "not bad"},
		{"lenient", "no parameter, and that is fine", params, deny + ", paramRef: {name: missing, namespace: shop, parameterNotFoundAction: Allow}", "row: lenient", ""},
		{"strict", "no parameter, and that is not", params, deny + ", paramRef: {name: missing, namespace: shop, parameterNotFoundAction: Deny}", "row: strict",
			"failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"},
		{"narrow", "the binding is for other namespaces", never, deny + ", matchResources: {namespaceSelector: {matchLabels: {policed: 'no'}}}", "row: narrow", ""},
		{"noted", "denied and noted", never, "validationActions: [Deny, Audit]", "row: noted", "never"},
		{"unbound", "the binding is of another policy", never, deny, "row: unbound", ""},
	}
	tree := map[string]string{
		"clusters/policies.yaml": child("policies", ""), "policies/space.yaml": space("shop", "policed: 'yes'"), "policies/limits.yaml": judged("limits", "limits: 'yes'"),
		"policies/other.yaml": strings.Replace(judged("other", "limits: 'yes'"), "A: bad", "A: worse", 1),
		"clusters/rows.yaml":  child("rows", "dependsOn: [{name: policies}],"),
	}
	want := map[string]string{}
	for _, r := range rows {
		tree["policies/"+r.name+".yaml"] = row(r.name, r.spec, r.binding)
		tree["rows/"+r.name+".yaml"] = judged(r.name, r.object)
		if r.said != "" {
			want[r.name] = fmt.Sprintf("configmaps %[1]q is forbidden: ValidatingAdmissionPolicy '%[1]s' with binding '%[1]s' denied request: %[2]s", r.name, r.said)
		}
	}
	tree["policies/unbound.yaml"] = strings.Replace(tree["policies/unbound.yaml"], "policyName: unbound", "policyName: none", 1)
	got := map[string]string{}
	for _, c := range replayed(t, simulate.Options{}, tree)[0].Changes {
		if c.Action == diff.Fail {
			got[c.Object.Name] = c.Error.Message
		}
	}
	for _, r := range rows {
		if d := cmp.Diff(want[r.name], got[r.name]); d != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, d)
		}
	}
}

// A policy that forbids to delete hinders the pruning, and one whose parameter
// comes late is as strict as its binding until then.
func TestPoliciesInTheWay(t *testing.T) {
	base := map[string]string{
		"clusters/policies.yaml": child("policies", ""), "policies/space.yaml": space("shop", ""),
		"policies/keep.yaml": strings.NewReplacer("operations: [CREATE, UPDATE]", "operations: [DELETE]").Replace(
			row("keep", "validations: [{expression: \"!('row' in oldObject.metadata.labels)\", messageExpression: \"oldObject.metadata.name + ' is kept'\"}]", "validationActions: [Deny]")),
		"clusters/pruned.yaml": child("pruned", "dependsOn: [{name: policies}],"), "pruned/kept.yaml": judged("kept", "row: keep"), "pruned/gone.yaml": judged("gone", "row: other"),
		"pruned/stays.yaml": judged("stays", ""),
	}
	head := maps.Clone(base)
	delete(head, "pruned/kept.yaml")
	delete(head, "pruned/gone.yaml")
	head["policies/late.yaml"] = row("late", "paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: object.data.A == params.data.A}]",
		"validationActions: [Deny], paramRef: {name: param, namespace: shop, parameterNotFoundAction: Deny}")
	head["clusters/a-user.yaml"], head["a-user/cm.yaml"] = child("a-user", "dependsOn: [{name: policies}],"), judged("late", "row: late")
	head["clusters/b-param.yaml"], head["b-param/cm.yaml"] = child("b-param", "dependsOn: [{name: policies}],"), judged("param", "")
	last := replayed(t, simulate.Options{}, base, head)[1]
	ready := map[string]string{}
	for _, o := range last.Owners {
		ready[o.Ref.Name] = o.Ready.Status + " " + o.Ready.Reason + " " + o.Ready.Message
	}
	if got, want := ready["pruned"], "False PruneFailed delete failed, errors: ConfigMap/shop/kept delete failed: configmaps \"kept\" is forbidden: ValidatingAdmissionPolicy 'keep' with binding 'keep' denied request: kept is kept"; !strings.HasPrefix(got, want) {
		t.Errorf("pruned is %s, want %s", got, want)
	}
	if !strings.HasPrefix(ready["a-user"], "True") {
		t.Errorf("what waits for the parameter is %s", ready["a-user"])
	}
	var gone []string
	for _, c := range last.Changes {
		if c.Action == diff.Delete {
			gone = append(gone, c.Object.Name)
		}
	}
	slices.Sort(gone)
	if d := cmp.Diff([]string{"gone"}, gone); d != "" {
		t.Errorf("deleted (-want +got):\n%s", d)
	}
}
