package advice

import (
	"testing"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// The messages are those of an API server.
func TestFor(t *testing.T) {
	apps := finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: "apps"}
	infra := finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: "infra"}
	release := finding.Ref{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease", Namespace: "shop", Name: "web"}
	applied := map[finding.Ref][]finding.Ref{
		{Kind: "Namespace", Name: "shop"}:              {infra},
		{Group: "example.com", Kind: "Widget"}:         {apps, infra},
		{Group: "metrics.example.org", Kind: "Scrape"}: {apps},
	}
	web := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, c := range []struct {
		why, message string
		owner        finding.Ref
		exists       bool
		live         string      // what the cluster has in the field
		object       finding.Ref // web when zero
		rule, want   string
	}{
		{why: "a service account in a namespace", owner: apps,
			message: `secrets "denied" is forbidden: User "system:serviceaccount:tenant:deployer" cannot patch resource "secrets" in API group "" in the namespace "tenant"`,
			want:    `bind service account "tenant/deployer" to a Role in namespace "tenant" with the rule {apiGroups: [""], resources: ["secrets"], verbs: ["get", "create", "patch", "delete"]}, or let an owner with more rights apply it`},
		{why: "a service account at the cluster scope", owner: apps,
			message: `clusterroles.rbac.authorization.k8s.io "r" is forbidden: User "system:serviceaccount:blue:blue" cannot patch resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope`,
			want:    `bind service account "blue/blue" to a ClusterRole with the rule {apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], verbs: ["get", "create", "patch", "delete"]}, or let an owner with more rights apply it`},
		{why: "escalation", owner: apps,
			message: "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"system:serviceaccount:blue:blue\" (groups=[\"system:serviceaccounts\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"]}",
			want:    `service account "blue/blue" may grant only what it may do itself: give it these rights first, or the verb "escalate" (roles) or "bind" (bindings)`},
		{why: "a policy and its binding are named", owner: apps,
			message: `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'need-team' with binding 'everywhere' denied request: label team is required`,
			want:    `meet the policy "need-team", which the binding "everywhere" puts in force: label team is required`},
		{why: "Pod Security", owner: apps, message: `pods "p" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true)`,
			want: `meet the level "restricted", or lower the label "pod-security.kubernetes.io/enforce" of Namespace "shop"`},
		{why: "a quota", owner: apps, message: `pods "p" is forbidden: exceeded quota: small, requested: cpu=2, used: cpu=1, limited: cpu=2`,
			want: `ask for less than cpu=2, or raise ResourceQuota "small" above cpu=2: cpu=1 is used`},
		{why: "another owner makes the namespace", owner: apps, message: `namespaces "shop" not found`,
			want: `let Kustomization/flux-system/apps wait for who applies it: list it under spec.dependsOn (Kustomization/flux-system/infra)`},
		{why: "nobody makes the namespace", owner: apps, message: `namespaces "nowhere" not found`,
			want: `add Namespace "nowhere" to what Kustomization/flux-system/apps applies`},
		{why: "another owner brings the definition", owner: apps, message: `no matches for kind "Widget" in version "example.com/v1"`,
			want: `let Kustomization/flux-system/apps wait for who applies it: list it under spec.dependsOn (Kustomization/flux-system/infra)`},
		{why: "nobody brings the definition", owner: apps, message: `no matches for kind "Gadget" in version "example.com/v1"`,
			want: `add the CustomResourceDefinition of Gadget in group "example.com", version "v1", to what is applied before`},
		{why: "a version of a built-in kind", owner: apps, message: `no matches for kind "Pod" in version "v2"`,
			want: `the API server does not serve "Pod" in "v2": write an apiVersion that it serves`},
		{why: "force is named with what it destroys", owner: apps, exists: true, message: `Deployment.apps "web" is invalid: spec.selector: Invalid value: {}: field is immutable`,
			want: `keep the value that the cluster has, or give the object another name; the annotation "kustomize.toolkit.fluxcd.io/force: enabled" on it deletes and creates it, which destroys all its pods at once, before new ones start`},
		{why: "a release is not helped by force", owner: release, exists: true, message: `Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.51"]: may not change once set`,
			want: `keep the value that the cluster has, or give the object another name; deleting it by hand destroys all its pods at once, before new ones start`},
		{why: "what the cluster has is repeated", owner: apps, exists: true, live: `"10.0.0.9"`, message: `Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.51"]: may not change once set`,
			want: `keep the value that the cluster has, "10.0.0.9", or give the object another name; the annotation "kustomize.toolkit.fluxcd.io/force: enabled" on it deletes and creates it, which destroys all its pods at once, before new ones start`},
		{why: "a claim that shrinks", owner: apps, exists: true, live: `"2Gi"`, message: `PersistentVolumeClaim "data" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity`,
			want: `keep the value that the cluster has, "2Gi": no claim can shrink; for a smaller one, make another claim, copy the data, and let the workload use that`},
		{why: "a claim whose class does not let it grow", owner: apps, exists: true,
			message: `persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`,
			want:    `let the StorageClass of the claim have "allowVolumeExpansion: true", or keep the size that the cluster has`},
		{why: "the templates of claims", object: finding.Ref{Group: "apps", Kind: "StatefulSet", Namespace: "shop", Name: "db"}, owner: apps, exists: true,
			message: `StatefulSet.apps "db" is invalid: spec.volumeClaimTemplates: Invalid value: []: field is immutable`,
			want: `keep the templates that the cluster has; claims that exist are not changed by them, but by hand; or, before this is merged, ` +
				`kubectl delete statefulset db -n shop --cascade=orphan, which leaves its pods and claims to the one that is created then`},
		{why: "a kind whose definition went", object: finding.Ref{Group: "example.org", Kind: "Gadget", Namespace: "shop", Name: "g"}, owner: apps, message: `404 page not found`,
			want: `the API server does not serve its kind any more: keep the CustomResourceDefinition, or remove this object in a commit before it`},
		{why: "an unknown field", owner: apps, message: `failed to create typed patch object: .spec.replica: field not declared in schema`,
			want: `remove "spec.replica", or write it as the schema does`},
		{why: "a rule of a custom resource", owner: apps, message: `Widget.example.com "rule" is invalid: spec: Invalid value: min must not exceed max`, rule: "self.min <= self.max",
			want: "the schema asks for: self.min <= self.max"},
		{why: "a range that nothing tells", owner: apps,
			message: `Service "dns" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.10"]: failed to allocate IP 10.43.0.10: the provided IP (10.43.0.10) is not in the valid range. The range of valid IPs is 10.96.0.0/12`,
			want:    `if 10.43.0.10 is a service address of the cluster, name the range of the cluster as serviceRange in the file of --config`},
		{why: "a family that nothing tells", owner: apps, message: `Service "dual" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`,
			want: `if the cluster has addresses of both families, name its two ranges as serviceRange in the file of --config, such as 10.96.0.0/12,fd00::/108`},
		{why: "a service account that is not there", owner: apps,
			message: `cronjobs.batch "report" is forbidden: User "system:serviceaccount:blue:bleu" cannot patch resource "cronjobs" in API group "batch" in the namespace "blue"`,
			want:    `there is no ServiceAccount "bleu" in namespace "blue": correct spec.serviceAccountName of Kustomization/flux-system/apps ("blue" is there), or add it, and bind service account "blue/bleu" to a Role in namespace "blue" with the rule {apiGroups: ["batch"], resources: ["cronjobs"], verbs: ["get", "create", "patch", "delete"]}`},
		{why: "a namespace that is written wrong", owner: apps, message: `namespaces "storee" not found`,
			want: `add Namespace "storee" to what Kustomization/flux-system/apps applies, or correct the name ("store" is there)`},
		{why: "a built-in kind in a version of the past", owner: apps, message: `no matches for kind "Ingress" in version "extensions/v1beta1"`,
			want: `write apiVersion: networking.k8s.io/v1: no API server of this version serves extensions/v1beta1`},
		{why: "another version of its group is served", owner: apps, message: `no matches for kind "Ingress" in version "networking.k8s.io/v1beta1"`,
			want: `write apiVersion: networking.k8s.io/v1: the API server does not serve networking.k8s.io/v1beta1`},
		{why: "a kind of this name in another group is another kind", owner: apps, message: `no matches for kind "Ingress" in version "acme.io/v1"`,
			want: `add the CustomResourceDefinition of Ingress in group "acme.io", version "v1", to what is applied before`},
		{why: "labels that do not agree", owner: apps,
			message: "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`",
			want:    "write the labels of spec.selector into spec.template.metadata.labels, too"},
		{why: "a version that objects are stored in", owner: apps, exists: true,
			message: `CustomResourceDefinition.apiextensions.k8s.io "w" is invalid: status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version`,
			want:    `keep version "v1" under spec.versions, with "served: false" at most, until no object is stored in it and status.storedVersions does not list it`},
		{why: "a rule about what was", owner: apps, message: `Widget.example.com "rule" is invalid: spec.claim: Invalid value: "other": it stays`, rule: "self == oldSelf", live: `"orders"`,
			want: `the schema asks for: self == oldSelf; the cluster has "orders"`},
		{why: "a required field", owner: apps, message: `Widget.example.com "w" is invalid: spec.size: Required value`, want: `add "spec.size"`},
		{why: "the server has said all there is", owner: apps, message: `Widget.example.com "w" is invalid: spec.tier: Unsupported value: "gold": supported values: "free"`},
	} {
		if c.object.IsZero() {
			c.object = web
		}
		got := For(Refusal{Object: c.object, Owner: c.owner, Exists: c.exists, Error: diff.Error{Message: c.message, Causes: []diff.Cause{{Field: "spec"}}},
			Providers: func(ref finding.Ref) []finding.Ref { return applied[ref] },
			Rule:      func(diff.Cause) string { return c.rule },
			Suggest:   func(string) string { return "" },
			Leaves:    func(finding.Ref) finding.Ref { return finding.Ref{} },
			Live:      func(string) string { return c.live }, Cluster: sample{}})
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.why, got, c.want)
		}
	}
}

// sample is a cluster.
type sample struct{}

func (sample) Holds(ref finding.Ref) bool { return ref.Name != "bleu" }

func (sample) Names(_, kind, _ string) []string {
	if kind == "Namespace" {
		return []string{"default", "store"}
	}
	return []string{"blue", "default"}
}

func (sample) Versions(kind string) []string {
	if kind == "Ingress" {
		return []string{"networking.k8s.io/v1"}
	}
	return nil
}

func TestForStop(t *testing.T) {
	ref := func(name string) finding.Ref {
		return finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: name}
	}
	apps, infra, web := ref("apps"), ref("infra"), finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, c := range []struct {
		why  string
		stop Stop
		want string
	}{
		{"a refused object has advice of its own", Stop{Owner: apps, Code: "apply-failed"}, ""},
		{"a name that is wrong", Stop{Owner: apps, Code: "dependency-not-found", On: []finding.Ref{infra}, Missing: true}, "correct the name under spec.dependsOn, or add the object"},
		{"a dependency that is suspended", Stop{Owner: apps, Code: "dependency-not-ready", On: []finding.Ref{infra}, Suspended: true},
			"resume Kustomization/flux-system/infra (spec.suspend: false), or take it out of spec.dependsOn; nothing of this is applied until then"},
		{"a circle of dependencies", Stop{Owner: apps, Code: "dependency-not-ready", On: []finding.Ref{infra}, Circle: []finding.Ref{apps, infra}},
			"it waits for Kustomization/flux-system/infra, which waits for it, for ever: take Kustomization/flux-system/infra out of spec.dependsOn, or break the circle elsewhere"},
		{"a dependency on itself", Stop{Owner: apps, Code: "dependency-not-ready", On: []finding.Ref{apps}, Circle: []finding.Ref{apps}}, "it waits for itself: take it out of its spec.dependsOn"},
		{"a parent that waits for a child", Stop{Owner: infra, Code: "health-check-failed", On: []finding.Ref{apps}, Circle: []finding.Ref{infra, apps}},
			"it waits for Kustomization/flux-system/apps, which waits for it, for ever: take Kustomization/flux-system/infra out of spec.dependsOn of Kustomization/flux-system/apps, or do not wait for it (spec.wait, spec.healthChecks)"},
		{"a health check of what is not there", Stop{Owner: infra, Code: "health-check-failed", On: []finding.Ref{web}, Listed: true, Missing: true},
			"nothing has made Deployment/shop/web: correct the entry of spec.healthChecks or take it out, or add the object"},
		{"an object that does not become healthy", Stop{Owner: infra, Code: "health-check-failed", On: []finding.Ref{web}},
			"repair the object that does not become healthy, or do not wait for it (spec.wait, spec.healthChecks)"},
	} {
		if got := ForStop(c.stop); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.why, got, c.want)
		}
	}
}

// What goes in the same change is not missing, but deleted.
func TestForWhatGoes(t *testing.T) {
	apps := finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: "apps"}
	for _, c := range []struct{ why, message, want string }{
		{"a namespace", `namespaces "shop" not found`, "keep Namespace/shop, which Kustomization/flux-system/apps deletes in this change, or put this object into another namespace, or remove it"},
		{"a definition", `no matches for kind "Queue" in version "acme.io/v1"`,
			"keep its CustomResourceDefinition, which Kustomization/flux-system/apps deletes in this change, or remove this object in a commit before it"},
		{"a definition whose kind was served a moment ago", `the server could not find the requested resource`,
			"keep its CustomResourceDefinition, which Kustomization/flux-system/apps deletes in this change, or remove this object in a commit before it"},
	} {
		r := Refusal{Object: finding.Ref{Group: "acme.io", Kind: "Queue", Namespace: "shop", Name: "orders"}, Error: diff.Error{Message: c.message},
			Leaves: func(finding.Ref) finding.Ref { return apps }, Cluster: sample{}}
		if got := For(r); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.why, got, c.want)
		}
	}
}

// Each of several causes is told apart.
func TestForSeveralCauses(t *testing.T) {
	message := func(field, text string) diff.Cause { return diff.Cause{Field: field, Message: text} }
	r := Refusal{Object: finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Exists: true,
		Suggest: func(field string) string { return map[string]string{"spec.replica": "replicas"}[field] },
		Rule:    func(c diff.Cause) string { return map[string]string{"spec.engine": "self == oldSelf"}[c.Field] },
		Live:    func(field string) string { return map[string]string{"spec.selector": `{"app":"web"}`}[field] },
		Owner:   finding.Ref{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease", Namespace: "shop", Name: "web"}}
	for _, c := range []struct {
		why, message, want string
		causes             []diff.Cause
	}{
		{"the field that cannot change", "field is immutable", `keep the value that the cluster has in spec.selector, {"app":"web"}, or give the object another name; deleting it by hand destroys all its pods at once, before new ones start`,
			[]diff.Cause{message("spec.replicas", "must not be negative"), message("spec.selector", "field is immutable")}},
		{"the field of a rule", "two rules", "the schema asks for this in spec.engine: self == oldSelf", []diff.Cause{message("spec.size", "too small"), message("spec.engine", "cannot be changed")}},
		{"fields that are not there", ".spec.colour: field not declared in schema", `remove "spec.colour" and "spec.shape", or write it as the schema does`,
			[]diff.Cause{message("spec.colour", "field not declared in schema"), message("spec.shape", "field not declared in schema")}},
		{"a field that is likely meant", ".spec.replica: field not declared in schema", `write "replicas" instead of "spec.replica"`, []diff.Cause{message("spec.replica", "field not declared in schema")}},
	} {
		r.Error = diff.Error{Message: c.message, Causes: c.causes}
		if got := For(r); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.why, got, c.want)
		}
	}
}
