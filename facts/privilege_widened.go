package facts

import (
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/auth/rbac/validation"
	"k8s.io/pod-security-admission/api"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var privilegeWidened = Kind{
	ID: "privilege-widened", Severity: finding.Warning,
	Summary: "somebody may do more than before",
	Why: `Rules of roles, subjects of bindings, service accounts, what pods may do on their node, and the pod security level of a namespace
decide what a break-in reaches. The server takes all of it without a word.`,
	Check: "see that it needs this, and nothing narrower will do",
	find:  findPrivileges,
}

func findPrivileges(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if o.After == nil || s.Empty && o.Before == nil {
			continue
		}
		switch {
		case o.Ref.Group == rbacGroup && (o.Ref.Kind == "Role" || o.Ref.Kind == "ClusterRole"):
			out = append(out, widerRules(o)...)
		case o.Ref.Group == rbacGroup && strings.HasSuffix(o.Ref.Kind, "RoleBinding"):
			out = append(out, newSubjects(o)...)
		case o.Ref.Group == "" && o.Ref.Kind == "Namespace":
			out = append(out, lowerLevel(o)...)
		case o.Ref.Group == kustomizeGroup || o.Ref.Group == helmGroup:
			out = append(out, otherIdentity(o)...)
		default:
			out = append(out, pods(o)...)
		}
	}
	return out
}

// widerRules compares the rules of a role as the API server compares them when
// it guards against escalation.
func widerRules(o Object) []finding.Fact {
	_, more := validation.Covers(rulesOf(o.Before), rulesOf(o.After))
	var out []finding.Fact
	for _, rule := range joinedRules(more) {
		out = append(out, o.fact("/rules", "allows "+rule))
	}
	return out
}

func rulesOf(obj map[string]any) []rbacv1.PolicyRule {
	var role rbacv1.ClusterRole
	if obj == nil || runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"rules": obj["rules"]}, &role) != nil {
		return nil
	}
	return role.Rules
}

// joinedRules writes rules of one verb each, the verbs on the same things together.
func joinedRules(rules []rbacv1.PolicyRule) []string {
	var things []string
	verbs := map[string][]string{}
	for _, r := range rules {
		thing := thingOf(r)
		if verbs[thing] == nil {
			things = append(things, thing)
		}
		verbs[thing] = append(verbs[thing], r.Verbs...)
	}
	out := make([]string, len(things))
	for i, t := range things {
		out[i] = quoted(verbs[t]) + " on " + t
	}
	return out
}

func thingOf(r rbacv1.PolicyRule) string {
	if len(r.NonResourceURLs) > 0 {
		return "the path " + quoted(r.NonResourceURLs)
	}
	out := quoted(r.Resources)
	if len(r.APIGroups) > 0 && r.APIGroups[0] != "" {
		out += " of group " + quoted(r.APIGroups)
	}
	if len(r.ResourceNames) > 0 {
		out += " named " + quoted(r.ResourceNames)
	}
	return out
}

func newSubjects(o Object) []finding.Fact {
	role := text(o.After, "roleRef", "kind") + " " + strconv.Quote(text(o.After, "roleRef", "name"))
	same := text(o.Before, "roleRef", "kind") == text(o.After, "roleRef", "kind") && text(o.Before, "roleRef", "name") == text(o.After, "roleRef", "name")
	had := map[string]bool{}
	for _, s := range items(o.Before, "subjects") {
		had[subject(s)] = same
	}
	where := " in the whole cluster"
	if o.Ref.Namespace != "" {
		where = " in namespace " + strconv.Quote(o.Ref.Namespace)
	}
	var out []finding.Fact
	for i, s := range items(o.After, "subjects") {
		if !had[subject(s)] {
			out = append(out, o.fact(finding.Pointer("subjects", strconv.Itoa(i)), "gives the rights of "+role+" to "+subject(s)+where))
		}
	}
	return out
}

func subject(s any) string {
	name := text(s, "name")
	if ns := text(s, "namespace"); ns != "" {
		name = ns + "/" + name
	}
	return text(s, "kind") + " " + strconv.Quote(name)
}

// lowerLevel compares the levels that Pod Security enforces in a namespace;
// without a label it enforces nothing.
func lowerLevel(o Object) []finding.Fact {
	level := func(obj map[string]any) api.Level {
		v, _ := labels(obj)[api.EnforceLevelLabel].(string)
		if v == "" {
			return api.LevelPrivileged
		}
		// A level that is not one is taken for the strictest, as the server does.
		l, _ := api.ParseLevel(v)
		return l
	}
	if o.Before == nil {
		return nil
	}
	before, after := level(o.Before), level(o.After)
	if api.CompareLevels(after, before) >= 0 {
		return nil
	}
	f := o.fact(finding.Pointer("metadata", "labels", api.EnforceLevelLabel),
		"its pod security level is lowered from "+strconv.Quote(string(before))+" to "+strconv.Quote(string(after)))
	f.From, f.To = string(before), string(after)
	return []finding.Fact{f}
}

// otherIdentity is about the service account that a Flux object acts as.
func otherIdentity(o Object) []finding.Fact {
	before, after := text(o.Before, "spec", "serviceAccountName"), text(o.After, "spec", "serviceAccountName")
	if o.Before == nil || before == after {
		return nil
	}
	f := o.fact("/spec/serviceAccountName", "acts as service account "+strconv.Quote(after)+" instead of "+strconv.Quote(before))
	switch {
	case after == "":
		f.Message = "acts with the rights of the controller, no longer with those of service account " + strconv.Quote(before)
	case before == "":
		return nil
	}
	f.From, f.To = before, after
	return []finding.Fact{f}
}
