package facts

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/pod-security-admission/api"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var privilegeWidened = Kind{
	ID: "privilege-widened", Severity: finding.Warning,
	Summary: "somebody may do more than before",
	Why: `Rules of roles, also those that other roles collect, subjects of bindings, the identities of workloads and of Flux objects, what pods may
do on their node, the pod security level of a namespace, and guards that are deleted decide what a break-in reaches. The server takes all
of it without a word. What a new object brings along is told as information, where it gives no more than usual.`,
	Check: "see that it needs this, and nothing narrower will do",
	find:  findPrivileges,
}

func findPrivileges(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if o.Action == diff.Delete {
			out = append(out, s.unguarded(o)...)
		}
		if o.After == nil || s.Empty && o.Before == nil {
			continue
		}
		switch {
		case o.Ref.Group == rbacGroup && (o.Ref.Kind == "Role" || o.Ref.Kind == "ClusterRole"):
			out = append(out, s.widerRules(o)...)
		case o.Ref.Group == rbacGroup && strings.HasSuffix(o.Ref.Kind, "RoleBinding"):
			out = append(out, s.newSubjects(o)...)
		case o.Ref.Group == "" && o.Ref.Kind == "Namespace":
			out = append(out, lowerLevel(o)...)
		default:
			out = append(out, pods(o)...)
		}
		out = append(out, otherIdentity(o)...)
	}
	return out
}

// lowerLevel compares the levels that Pod Security enforces in a namespace;
// without a label it enforces nothing.
func lowerLevel(o Object) []finding.Fact {
	level := func(obj map[string]any) api.Level {
		v, _ := labelMap(obj)[api.EnforceLevelLabel].(string)
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

// guards are the kinds whose objects forbid something as long as they exist.
var guards = []struct{ group, kind, message string }{
	{"networking.k8s.io", "NetworkPolicy", "is deleted: traffic that it kept from the pods it selects is let through, unless another policy selects them"},
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "is deleted: what it refused is accepted"},
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", "is deleted: what its policy refused is accepted"},
	{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "is deleted: its webhooks refuse nothing any more"},
}

// unguarded is about an object that goes, and what it forbids.
func (s Step) unguarded(o Object) []finding.Fact {
	for _, g := range guards {
		if g.group == o.Ref.Group && g.kind == o.Ref.Kind && s.within(o).IsZero() {
			return []finding.Fact{o.fact("", g.message)}
		}
	}
	return nil
}

// identity is a field that decides as whom, or where, an object acts.
type identity struct {
	groups  []string
	kinds   []string
	path    []string
	changed string // the words between the object and the new value
	gone    string // the words before the old value, when there is none any more; empty: that gives nothing
}

var identities = []identity{
	{[]string{kustomizeGroup, helmGroup, operatorGroup}, nil, []string{"spec", "serviceAccountName"},
		"acts as service account", "acts with the rights of the controller, no longer with those of service account"},
	{[]string{kustomizeGroup, helmGroup}, nil, []string{"spec", "kubeConfig", "secretRef", "name"},
		"acts on the cluster of Secret", "acts on this cluster, no longer on that of Secret"},
	{[]string{kustomizeGroup}, nil, []string{"spec", "targetNamespace"}, "applies to namespace", ""},
	{[]string{sourceGroup}, nil, []string{"spec", "url"}, "takes what is applied from", ""},
	{[]string{"external-secrets.io"}, nil, []string{"spec", "secretStoreRef", "name"}, "reads secrets from store", ""},
	{[]string{""}, []string{"ServiceAccount"}, []string{"metadata", "annotations", "eks.amazonaws.com/role-arn"}, "acts in the cloud as", ""},
	{[]string{""}, []string{"ServiceAccount"}, []string{"metadata", "annotations", "iam.gke.io/gcp-service-account"}, "acts in the cloud as", ""},
	{[]string{""}, []string{"ServiceAccount"}, []string{"metadata", "annotations", "azure.workload.identity/client-id"}, "acts in the cloud as", ""},
}

// otherIdentity is about the fields that say as whom an object acts.
func otherIdentity(o Object) []finding.Fact {
	if o.Before == nil {
		return nil
	}
	var out []finding.Fact
	for _, id := range identities {
		if !slices.Contains(id.groups, o.Ref.Group) || id.kinds != nil && !slices.Contains(id.kinds, o.Ref.Kind) {
			continue
		}
		before, after := text(o.Before, id.path...), text(o.After, id.path...)
		message := id.changed + " " + strconv.Quote(after) + " instead of " + strconv.Quote(before)
		switch {
		case before == after || before == "" && o.Ref.Group != "" || after == "" && id.gone == "":
			continue
		case after == "":
			message = id.gone + " " + strconv.Quote(before)
		case before == "":
			message = id.changed + " " + strconv.Quote(after)
		}
		f := o.fact(finding.Pointer(id.path...), message)
		f.From, f.To = before, after
		out = append(out, f)
	}
	if o.Ref.Group == sourceGroup && value(o.Before, "spec", "verify") != nil && value(o.After, "spec", "verify") == nil {
		out = append(out, o.fact("/spec", "is taken without a signature from now on, which was verified before"))
	}
	return out
}
