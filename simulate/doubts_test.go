package simulate

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestDoubts(t *testing.T) {
	things := finding.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "things.example.org"}
	thing := finding.Ref{Group: "example.org", Kind: "Thing", Namespace: "a", Name: "t"}
	data := finding.Ref{Kind: "ConfigMap", Namespace: "a", Name: "c"}
	defined := func(label, rule string) map[string]any {
		return map[string]any{"metadata": map[string]any{"labels": map[string]any{"l": label}},
			"spec": map[string]any{"group": "example.org", "names": map[string]any{"kind": "Thing"}, "rule": rule}}
	}
	object := map[string]any{}
	policy := finding.Ref{Group: admissionGroup, Kind: policies[0], Name: "p"}
	judging := func(group, resource string) map[string]any {
		return map[string]any{"spec": map[string]any{"matchConstraints": map[string]any{"resourceRules": []any{
			map[string]any{"apiGroups": []any{group}, "resources": []any{resource}},
		}}}}
	}
	resources := func(ref finding.Ref) (string, bool) { return strings.ToLower(ref.Kind) + "s", true }
	for _, row := range []struct {
		why         string
		change      facts.Object
		thing, data bool
	}{
		{"a definition that says something else", facts.Object{Ref: things, Action: diff.Update, Before: defined("a", "x"), After: defined("a", "y")}, true, false},
		{"a definition with other labels", facts.Object{Ref: things, Action: diff.Update, Before: defined("a", "x"), After: defined("b", "x")}, false, false},
		{"a definition that goes", facts.Object{Ref: things, Action: diff.Delete, Before: defined("a", "x")}, true, false},
		{"a new definition, without objects", facts.Object{Ref: things, Action: diff.Create, After: defined("a", "x")}, false, false},
		{"a namespace that goes", facts.Object{Ref: finding.Ref{Kind: "Namespace", Name: "a"}, Action: diff.Delete, Before: object}, true, true},
		{"another namespace that goes", facts.Object{Ref: finding.Ref{Kind: "Namespace", Name: "b"}, Action: diff.Delete, Before: object}, false, false},
		{"a namespace that changes", facts.Object{Ref: finding.Ref{Kind: "Namespace", Name: "a"}, Action: diff.Update, Before: object, After: object}, false, false},
		{"a policy", facts.Object{Ref: finding.Ref{Group: admissionGroup, Kind: policies[0], Name: "p"}, Action: diff.Create, After: object}, true, true},
		{"a policy about its kind", facts.Object{Ref: policy, Action: diff.Create, After: judging("example.org", "things")}, true, false},
		{"a policy that was about its kind", facts.Object{Ref: policy, Action: diff.Update, Before: judging("", "configmaps"), After: judging("apps", "*")}, false, true},
		{"the binding of a policy that stays", facts.Object{Ref: finding.Ref{Group: admissionGroup, Kind: policies[0] + "Binding", Name: "p"}, Action: diff.Create, After: object}, true, true},
		{"rights that were there", facts.Object{Ref: finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"}, Action: diff.Update, Before: object, After: object}, true, true},
		{"new rights", facts.Object{Ref: finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"}, Action: diff.Create, After: object}, false, false},
		{"rights that stay", facts.Object{Ref: finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"}, Action: diff.Unchanged, Before: object, After: object}, false, false},
	} {
		d := doubtsOf([]facts.Object{row.change}).of("tenant")
		d.resource = resources
		if d.about(thing) != row.thing || d.about(data) != row.data || d.none() && (row.thing || row.data) {
			t.Errorf("%s: about an object of its kind %v, about another one %v, about none %v", row.why, d.about(thing), d.about(data), d.none())
		}
	}
	rights := facts.Object{Ref: finding.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "r"}, Action: diff.Update, Before: object, After: object}
	if doubtsOf([]facts.Object{rights}).of("").about(data) {
		t.Error("a controller may do what it could do before")
	}
}

// A binding is about what its policy is about.
func TestDoubtsOfBindings(t *testing.T) {
	policy := facts.Object{Ref: finding.Ref{Group: admissionGroup, Kind: policies[0], Name: "p"}, Action: diff.Unchanged, After: map[string]any{
		"spec": map[string]any{"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{"apiGroups": []any{"*"}, "resources": []any{"things"}}}}},
	}}
	binding := facts.Object{Ref: finding.Ref{Group: admissionGroup, Kind: policies[0] + "Binding", Name: "b"}, Action: diff.Create,
		After: map[string]any{"spec": map[string]any{"policyName": "p"}}}
	d := doubtsOf([]facts.Object{binding, policy})
	d.resource = func(ref finding.Ref) (string, bool) { return strings.ToLower(ref.Kind) + "s", ref.Kind != "Unserved" }
	for kind, want := range map[string]bool{"Thing": true, "ConfigMap": false, "Unserved": true} {
		if got := d.about(finding.Ref{Kind: kind, Namespace: "a", Name: "x"}); got != want {
			t.Errorf("%s: in doubt %v, want %v", kind, got, want)
		}
	}
}
