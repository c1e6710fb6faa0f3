// Package advice says what to do about an object that the server refuses, and
// about a Flux object that does not become ready. Servers say what is wrong in
// text; the table of patterns in this package is the one place that reads it.
package advice

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/spelling"
)

// Refusal is an object that the server refuses, with what is known around it.
type Refusal struct {
	Object finding.Ref
	Owner  finding.Ref // Flux object that applies it
	Error  diff.Error
	Exists bool // the object is in the cluster already

	Providers func(finding.Ref) []finding.Ref // Flux objects that apply an object; a kind is asked for by its CustomResourceDefinition
	Rule      func(cause diff.Cause) string   // text of the validation rule of a schema that gives this cause, empty for none
	Suggest   func(field string) string       // name of the field that is likely meant by one that the schema does not have, empty for none
	Leaves    func(finding.Ref) finding.Ref   // Flux object that has deleted an object in the same step, or the definition of a kind; zero for none
	Live      func(field string) string       // what the cluster holds in a field, as JSON; empty for nothing, and for what must not be shown
	Cluster   Cluster
}

// Cluster is what advice asks about the cluster.
type Cluster interface {
	// Holds reports whether the cluster has an object.
	Holds(finding.Ref) bool
	// Names lists the names of the objects of a kind in a namespace, sorted.
	Names(group, kind, namespace string) []string
	// Versions lists the apiVersions in which a kind is served, sorted.
	Versions(kind string) []string
}

// row is what to do about errors that a pattern matches.
type row struct {
	why     string // what the pattern stands for
	pattern *regexp.Regexp
	hint    func(r Refusal, match []string) string
}

// rows are tried in order; the first that matches and has something to say counts.
var rows = []row{
	{"the account lacks a right", regexp.MustCompile(`User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)`), missingRight},
	{"a role would grant more than its author may", regexp.MustCompile(`user "([^"]+)" \(groups=.*\) is attempting to grant RBAC permissions not currently held`), escalation},
	{"an admission policy", regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)'(?: with binding '([^']+)')? denied request: (?s:(.*))`), policy},
	{"Pod Security", regexp.MustCompile(`violates PodSecurity "([^":]+)[^"]*"`), podSecurity},
	{"a quota", regexp.MustCompile(`exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: ([^"]+)`), quota},
	{"a namespace that is not there", regexp.MustCompile(`namespaces "([^"]+)" not found`), namespace},
	{"a namespace that ends", regexp.MustCompile(`because it is being terminated|namespace ([^ ]+) is being terminated`), ending},
	{"a kind that is not served", regexp.MustCompile(`no matches for kind "([^"]+)" in version "([^"]+)"`), kind},
	{"a kind whose definition went", regexp.MustCompile(`^404 page not found|the server could not find the requested resource`), unserved},
	{"a claim that would shrink", regexp.MustCompile(`field can not be less than`), shrinking},
	{"a claim that cannot grow", regexp.MustCompile(`only dynamically provisioned pvc can be resized`), growing},
	{"the claims of a StatefulSet", regexp.MustCompile(`spec.volumeClaimTemplates: |updates to statefulset spec for fields other than`), claimTemplates},
	{"labels that do not agree", regexp.MustCompile("`selector` does not match template `labels`"), selector},
	{"a version that objects are stored in", regexp.MustCompile(`Invalid value: "([^"]+)": missing from spec\.versions`), stored},
	{"a field that cannot be changed", regexp.MustCompile(`is immutable|immutable field|may not change once set|updates to \S+ spec for fields other than|may not change fields other than`), immutable},
	{"a field that the schema does not have", regexp.MustCompile(`(\S+): field not declared in schema`), undeclared},
	{"a rule of the schema", regexp.MustCompile(`(?s).*`), schemaRule},
	{"an address of another range", regexp.MustCompile(`the provided IP \((\S+)\) is not in the valid range`), otherRange},
	{"addresses of another family", regexp.MustCompile(`is not configured for dual-stack|not configured on this cluster`), otherFamily},
	{"a field that is missing", regexp.MustCompile(`(\S+): Required value`), required},
}

// For says what to do about a refused object, empty when there is nothing to
// add to what the server says.
func For(r Refusal) string {
	for _, row := range rows {
		if m := row.pattern.FindStringSubmatch(r.Error.Message); m != nil {
			if hint := row.hint(r, m); hint != "" {
				return hint
			}
		}
	}
	return ""
}

func missingRight(r Refusal, m []string) string {
	user, verb, resource, group, ns := m[1], m[2], m[3], m[4], m[5]
	role, where := "ClusterRole", ""
	if ns != "" {
		role, where = "Role", " in namespace "+strconv.Quote(ns)
	}
	bind := fmt.Sprintf("bind %s to a %s%s with the rule {apiGroups: [%q], resources: [%q], verbs: [\"%s\"]}",
		account(user), role, where, group, resource, strings.Join(together(verb), `", "`))
	if ref, ok := serviceAccount(user); ok && !r.Cluster.Holds(ref) {
		return fmt.Sprintf("there is no ServiceAccount %q in namespace %q: correct spec.serviceAccountName of %s%s, or add it, and %s",
			ref.Name, ref.Namespace, r.Owner, meant(ref.Name, r.Cluster.Names("", "ServiceAccount", ref.Namespace)), bind)
	}
	return bind + ", or let an owner with more rights apply it"
}

// meant says which of the names is likely meant by one that is not among them,
// empty for none.
func meant(name string, names []string) string {
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Sprintf(" (%q is there)", near)
	}
	return ""
}

// serviceAccount is the service account that a user is.
func serviceAccount(user string) (finding.Ref, bool) {
	rest, ok := strings.CutPrefix(user, "system:serviceaccount:")
	namespace, name, _ := strings.Cut(rest, ":")
	return finding.Ref{Kind: "ServiceAccount", Namespace: namespace, Name: name}, ok
}

// together are the verbs that applying and pruning an object takes, if the verb
// is one of them.
func together(verb string) []string {
	if all := []string{"get", "create", "patch", "delete"}; slices.Contains(all, verb) {
		return all
	}
	return []string{verb}
}

// account names a user as its author knows it.
func account(user string) string {
	if name, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		return "service account " + strconv.Quote(strings.Replace(name, ":", "/", 1))
	}
	return "user " + strconv.Quote(user)
}

func escalation(_ Refusal, m []string) string {
	return account(m[1]) + " may grant only what it may do itself: give it these rights first, or the verb \"escalate\" (roles) or \"bind\" (bindings)"
}

func policy(_ Refusal, m []string) string {
	out := "meet the policy " + strconv.Quote(m[1])
	if m[2] != "" {
		out += ", which the binding " + strconv.Quote(m[2]) + " puts in force"
	}
	return out + ": " + strings.TrimSpace(m[3])
}

func podSecurity(r Refusal, m []string) string {
	return fmt.Sprintf("meet the level %q, or lower the label \"pod-security.kubernetes.io/enforce\" of Namespace %q", m[1], r.Object.Namespace)
}

func quota(_ Refusal, m []string) string {
	return fmt.Sprintf("ask for less than %s, or raise ResourceQuota %q above %s: %s is used", m[2], m[1], m[4], m[3])
}

func namespace(r Refusal, m []string) string {
	ns := finding.Ref{Kind: "Namespace", Name: m[1]}
	if by := r.Leaves(ns); !by.IsZero() {
		return fmt.Sprintf("keep %s, which %s deletes in this change, or put this object into another namespace, or remove it", ns, by)
	}
	out := provided(r, ns, "add Namespace "+strconv.Quote(m[1])+" to what "+r.Owner.String()+" applies")
	if names := meant(m[1], r.Cluster.Names("", "Namespace", "")); names != "" {
		out += ", or correct the name" + names
	}
	return out
}

func ending(r Refusal, _ []string) string {
	return "Namespace " + strconv.Quote(r.Object.Namespace) + " is being deleted: keep it, or remove this object in the same change"
}

func kind(r Refusal, m []string) string {
	group, _, grouped := strings.Cut(m[2], "/")
	if !grouped {
		group = ""
	}
	crd := finding.Ref{Group: group, Kind: m[1]}
	if by := r.Leaves(crd); grouped && !by.IsZero() {
		return undefined(by)
	}
	served := r.Cluster.Versions(m[1])
	same := slices.DeleteFunc(slices.Clone(served), func(v string) bool { return !strings.HasPrefix(v, group+"/") || v == m[2] })
	switch {
	case slices.Contains(served, m[2]):
	case grouped && len(same) > 0:
		return fmt.Sprintf("write apiVersion: %s: the API server does not serve %s", strings.Join(same, " or "), m[2])
	case builtIn(group) && len(served) > 0:
		return fmt.Sprintf("write apiVersion: %s: no API server of this version serves %s", strings.Join(served, " or "), m[2])
	case builtIn(group):
		return fmt.Sprintf("the API server does not serve %q in %q: write an apiVersion that it serves", m[1], m[2])
	}
	_, version, _ := strings.Cut(m[2], "/")
	return provided(r, crd, fmt.Sprintf("add the CustomResourceDefinition of %s in group %q, version %q, to what is applied before", m[1], group, version))
}

// builtIn reports whether no CustomResourceDefinition can define a kind of the group.
func builtIn(group string) bool { return !strings.Contains(group, ".") }

// undefined is about an object whose definition a Flux object deletes.
func undefined(by finding.Ref) string {
	return "keep its CustomResourceDefinition, which " + by.String() + " deletes in this change, or remove this object in a commit before it"
}

// provided says who applies what is missing, or else what to add.
func provided(r Refusal, missing finding.Ref, otherwise string) string {
	var by []string
	for _, p := range r.Providers(missing) {
		if p != r.Owner {
			by = append(by, p.String())
		}
	}
	if len(by) == 0 {
		return otherwise
	}
	return "let " + r.Owner.String() + " wait for who applies it: list it under spec.dependsOn (" + strings.Join(by, ", ") + ")"
}

// immutable says what a forced change would destroy. A release is not helped by force.
func immutable(r Refusal, _ []string) string {
	if !r.Exists {
		return ""
	}
	keep := keep(r) + ", or give the object another name"
	if r.Owner.Kind != "Kustomization" {
		return keep + "; deleting it by hand destroys " + facts.Destroys(r.Object)
	}
	return keep + "; the annotation \"kustomize.toolkit.fluxcd.io/force: enabled\" on it deletes and creates it, which destroys " + facts.Destroys(r.Object)
}

// maxLive is how long a value may be that the advice repeats.
const maxLive = 80

// kept is how the server says that a field has to stay as it is.
var kept = regexp.MustCompile(`immutable|may not change|can not be less than`)

// keep says to keep a value, and which one it is where it is short.
func keep(r Refusal) string {
	out := "keep the value that the cluster has"
	about := r.Error.Causes
	if len(about) > 1 {
		about = slices.DeleteFunc(slices.Clone(about), func(c diff.Cause) bool { return !kept.MatchString(c.Message) })
	}
	if r.Live == nil || len(about) != 1 {
		return out
	}
	if len(r.Error.Causes) > 1 {
		out += " in " + about[0].Field
	}
	if live := r.Live(about[0].Field); live != "" && len(live) <= maxLive {
		out += ", " + live
	}
	return out
}

// shrinking is about a claim that asks for less than it has.
func shrinking(r Refusal, _ []string) string {
	return keep(r) + ": no claim can shrink; for a smaller one, make another claim, copy the data, and let the workload use that"
}

func growing(Refusal, []string) string {
	return "let the StorageClass of the claim have \"allowVolumeExpansion: true\", or keep the size that the cluster has"
}

// claimTemplates is about a field of a StatefulSet that cannot be changed.
func claimTemplates(r Refusal, m []string) string {
	if r.Object.Kind != "StatefulSet" || !r.Exists {
		return ""
	}
	about := "keep what the cluster has"
	if strings.Contains(m[0], "volumeClaimTemplates") {
		about = "keep the templates that the cluster has; claims that exist are not changed by them, but by hand"
	}
	return fmt.Sprintf("%s; or, before this is merged, kubectl delete statefulset %s -n %s --cascade=orphan, which leaves its pods and claims to the one that is created then",
		about, r.Object.Name, r.Object.Namespace)
}

// unserved is about an object whose kind the server served before.
func unserved(r Refusal, _ []string) string {
	if !strings.Contains(r.Object.Group, ".") {
		return ""
	}
	crd := finding.Ref{Group: r.Object.Group, Kind: r.Object.Kind}
	if by := r.Leaves(crd); !by.IsZero() {
		return undefined(by)
	}
	return provided(r, crd,
		"the API server does not serve its kind any more: keep the CustomResourceDefinition, or remove this object in a commit before it")
}

func undeclared(r Refusal, m []string) string {
	var meant, wrong []string
	for _, c := range r.Error.Causes {
		if !strings.Contains(c.Message, "not declared") {
			continue
		}
		if name := r.Suggest(c.Field); name != "" {
			meant = append(meant, strconv.Quote(name)+" instead of "+strconv.Quote(c.Field))
			continue
		}
		wrong = append(wrong, strconv.Quote(c.Field))
	}
	switch {
	case len(meant) > 0:
		return "write " + strings.Join(meant, ", and ")
	case len(wrong) == 0:
		wrong = []string{strconv.Quote(strings.TrimPrefix(m[1], "."))}
	}
	return "remove " + strings.Join(wrong, " and ") + ", or write it as the schema does"
}

// schemaRule adds the expression that a custom resource does not meet, and what
// the cluster has where that counts.
func schemaRule(r Refusal, _ []string) string {
	for _, c := range r.Error.Causes {
		rule := r.Rule(c)
		if rule == "" {
			continue
		}
		out := "the schema asks for: " + rule
		if len(r.Error.Causes) > 1 {
			out = "the schema asks for this in " + c.Field + ": " + rule
		}
		if live := r.Live(c.Field); strings.Contains(rule, "oldSelf") && live != "" && len(live) <= maxLive {
			out += "; the cluster has " + live
		}
		return out
	}
	return ""
}

func otherRange(_ Refusal, m []string) string {
	return "if " + m[1] + " is a service address of the cluster, name the range of the cluster as serviceRange in the file of --config"
}

func otherFamily(Refusal, []string) string {
	return "if the cluster has addresses of both families, name its two ranges as serviceRange in the file of --config, such as 10.96.0.0/12,fd00::/108"
}

func required(_ Refusal, m []string) string { return "add " + strconv.Quote(m[1]) }

func selector(r Refusal, _ []string) string {
	if kept.MatchString(r.Error.Message) {
		return ""
	}
	return "write the labels of spec.selector into spec.template.metadata.labels, too"
}

func stored(_ Refusal, m []string) string {
	return fmt.Sprintf("keep version %q under spec.versions, with \"served: false\" at most, until no object is stored in it and status.storedVersions does not list it", m[1])
}
