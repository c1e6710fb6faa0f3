package facts

import (
	"slices"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// widerRules compares the rules of a role as the API server compares them when
// it guards against escalation. Those of a new role count as information, unless
// they lead to more rights than they name.
func (s Step) widerRules(o Object) []finding.Fact {
	_, more := validation.Covers(rulesOf(o.Before), rulesOf(o.After))
	also := ""
	collectors := s.collectors(o.After)
	if len(collectors) > 0 {
		also = ", also to whoever is bound to " + quoted(collectors) + ", which " + agree(len(collectors), "collects", "collect") + " its rules"
	}
	var out []finding.Fact
	for _, group := range joinedRules(more) {
		f := o.fact("/rules", "allows "+group.String()+also)
		if why := group.leads(); why != "" {
			f.Message += ": " + why
		} else if o.Before == nil {
			f.Severity = finding.Info
		}
		out = append(out, f)
	}
	newly := slices.DeleteFunc(collectors, func(name string) bool { return o.Before == nil || slices.Contains(s.collectors(o.Before), name) })
	if len(more) == 0 && len(newly) > 0 {
		out = append(out, o.fact("/metadata/labels", "gives its rules to whoever is bound to "+quoted(newly)))
	}
	return out
}

// collectors names the cluster roles that take over the rules of a cluster role by its labels.
func (s Step) collectors(role map[string]any) []string {
	if text(role, "kind") != "ClusterRole" {
		return nil
	}
	set := labels.Set{}
	for k, v := range labelsOf(role) {
		set[k] = v
	}
	var out []string
	for _, other := range s.Roles {
		for _, item := range items(other, "aggregationRule", "clusterRoleSelectors") {
			var selector metav1.LabelSelector
			m, _ := item.(map[string]any)
			if runtime.DefaultUnstructuredConverter.FromUnstructured(m, &selector) != nil {
				continue
			}
			if sel, err := metav1.LabelSelectorAsSelector(&selector); err == nil && !sel.Empty() && sel.Matches(set) {
				out = append(out, text(other, "metadata", "name"))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func labelsOf(obj map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range labelMap(obj) {
		if s, ok := v.(string); ok {
			out[k] = s
		}
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

// grant is verbs on the same things.
type grant struct {
	thing string
	rule  rbacv1.PolicyRule // of the first verb
	verbs []string
}

func (g grant) String() string { return quoted(g.verbs) + " on " + g.thing }

// joinedRules joins rules of one verb each, the verbs on the same things together.
func joinedRules(rules []rbacv1.PolicyRule) []grant {
	var out []grant
	for _, r := range rules {
		thing := thingOf(r)
		i := slices.IndexFunc(out, func(g grant) bool { return g.thing == thing })
		if i < 0 {
			i = len(out)
			out = append(out, grant{thing: thing, rule: r})
		}
		out[i].verbs = append(out[i].verbs, r.Verbs...)
	}
	return out
}

// ways are grants that lead to more rights than they name.
var ways = []struct {
	verbs     []string // any of them
	resources []string // any of them
	leads     string
}{
	{[]string{"*"}, []string{"*"}, "that is everything"},
	{[]string{"escalate", "bind"}, []string{"roles", "clusterroles"}, "that lets it give itself any right"},
	{[]string{"impersonate"}, []string{"users", "groups", "serviceaccounts", "uids"}, "that lets it act as somebody else"},
	{[]string{"create", "update", "patch"}, []string{"rolebindings", "clusterrolebindings"}, "that lets it pass on the rights that it has"},
	{[]string{"get", "list", "watch"}, []string{"secrets"}, "that lets it read secrets"},
	{[]string{"create", "get"}, []string{"pods/exec", "pods/attach", "nodes/proxy"}, "that lets it run commands in pods"},
	{[]string{"create", "update", "patch"}, []string{"pods", "deployments", "daemonsets", "statefulsets", "jobs", "cronjobs", "replicasets", "replicationcontrollers"},
		"that lets it run pods with any service account of the namespace"},
	{[]string{"create"}, []string{"serviceaccounts/token"}, "that lets it act as any service account of the namespace"},
	{[]string{"create", "update", "patch", "delete"}, []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"},
		"that lets it change what is admitted"},
}

// leads says in words where a grant leads, empty for nowhere.
func (g grant) leads() string {
	among := func(have []string, wanted ...string) bool {
		return slices.Contains(have, "*") || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(have, w) })
	}
	for _, w := range ways {
		if among(g.verbs, w.verbs...) && among(g.rule.Resources, w.resources...) {
			return w.leads
		}
	}
	return ""
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

// powerful are the roles of every cluster that reach far.
var powerful = []string{"cluster-admin", "admin", "edit"}

// newSubjects lists who is bound to a role from now on. A new binding in one
// namespace to a role that does not reach far counts as information.
func (s Step) newSubjects(o Object) []finding.Fact {
	name := text(o.After, "roleRef", "name")
	role := text(o.After, "roleRef", "kind") + " " + strconv.Quote(name)
	same := text(o.Before, "roleRef", "kind") == text(o.After, "roleRef", "kind") && text(o.Before, "roleRef", "name") == name
	had := map[string]bool{}
	for _, s := range items(o.Before, "subjects") {
		had[subject(s)] = same
	}
	where := " in the whole cluster"
	if o.Ref.Namespace != "" {
		where = " in namespace " + strconv.Quote(o.Ref.Namespace)
	}
	var out []finding.Fact
	for i, sub := range items(o.After, "subjects") {
		if had[subject(sub)] {
			continue
		}
		f := o.fact(finding.Pointer("subjects", strconv.Itoa(i)), "gives the rights of "+role+" to "+subject(sub)+where)
		if o.Before == nil && o.Ref.Namespace != "" && !slices.Contains(powerful, name) {
			f.Severity = finding.Info
		}
		out = append(out, f)
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
