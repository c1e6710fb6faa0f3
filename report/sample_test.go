package report_test

import (
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

var files = map[string]string{
	"clusters/staging/apps.yaml": `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/staging
  prune: true
  sourceRef:
    kind: GitRepository
    name: app
`,
	"apps/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels:
      app: storefront
  replicas: 3
`,
	"apps/secret.yaml": `apiVersion: v1
kind: Secret
metadata:
  name: token
stringData:
  token: 'hunter2
`,
}

func source(file string) ([]byte, bool) {
	data, ok := files[file]
	return []byte(data), ok
}

func kustomization(name string) finding.Ref {
	return finding.Ref{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization", Namespace: "flux-system", Name: name}
}

func object(kind, name string) finding.Ref {
	return finding.Ref{Kind: kind, Namespace: "shop", Name: name}
}

func at(file string, line, col, endCol int) finding.Position {
	p := finding.Position{File: file, Line: line, Col: col, Precision: finding.PrecisionExact}
	if endCol > 0 {
		p.EndLine, p.EndCol = line, endCol
	}
	return p
}

func document(file string, line int) finding.Position {
	return finding.Position{File: file, Line: line, Col: 1, Precision: finding.PrecisionDocument}
}

func cluster(name string) v1.Cluster {
	return v1.Cluster{
		Name: name, Dir: "clusters/" + name, Found: "gotk-sync", FluxVersion: "2.9", KubernetesVersion: "v1.37.2",
		Assumptions: []v1.Assumption{{Text: `the Secret "cluster-vars" exists, made by an ExternalSecret`, Pos: document("infra/vars.yaml", 1)}},
		Coverage: v1.Coverage{FluxObjects: 219, Rendered: 212, Unknown: 7, Objects: 1151,
			Reasons: []v1.Reason{{State: v1.Unknown, Reason: "secret-encrypted", Count: 5}, {State: v1.Unknown, Reason: "source-not-local", Count: 2}}},
	}
}

func findings() []finding.Finding {
	missing := finding.Finding{
		Rule: "reference/source-missing", Severity: finding.Error, Cluster: "staging", Object: kustomization("apps"), Field: "/spec/sourceRef/name",
		Pos: at("clusters/staging/apps.yaml", 12, 11, 14), Message: `GitRepository "flux-system/app" does not exist`,
		Hint:    `write "name: apps", which exists in the namespace "flux-system"`,
		Related: []finding.Related{{Pos: at("clusters/staging/sources.yaml", 4, 9, 0), Message: "a GitRepository of a similar name is here"}},
		Chain:   []finding.Ref{kustomization("flux-system"), kustomization("apps")},
	}
	elsewhere := missing
	elsewhere.Cluster = "production"
	return []finding.Finding{
		missing, elsewhere,
		{Rule: "yaml/syntax", Severity: finding.Error, Pos: at("apps/secret.yaml", 6, 10, 0), Message: "found unexpected end of stream while scanning a quoted scalar"},
		{Rule: "schema/deprecated", Severity: finding.Warning, Cluster: "production", Object: object("Ingress", "web"), Pos: document("apps/ingress.yaml", 1),
			Message: `the version "extensions/v1beta1" of Ingress is served no more since Kubernetes 1.22, and the API server of this cluster knows "networking.k8s.io/v1" only`,
			Hint:    `write "apiVersion: networking.k8s.io/v1"`},
		{Rule: "prune/off", Severity: finding.Info, Message: "nothing is ever deleted"},
	}
}

func validation() report.Report {
	return report.Report{
		Tool: v1.Tool{Name: "flux-rehearse", Version: "0.1.0"}, Command: v1.Validate, Revisions: v1.Revisions{Head: "HEAD"},
		Clusters: []v1.Cluster{cluster("production"), cluster("staging")}, Findings: findings(), ExitCode: 1,
		NotSimulated: []string{"workload readiness", "webhooks whose pods do not run"},
	}
}

func simulation() report.Report {
	c := cluster("staging")
	c.Steps = []v1.Step{baseStep(), headStep()}
	return report.Report{
		Tool: v1.Tool{Name: "flux-rehearse", Version: "0.1.0"}, Command: v1.Simulate, Revisions: v1.Revisions{Base: "main", Head: "feature/web"},
		Clusters: []v1.Cluster{c}, ExitCode: 1, NotSimulated: []string{"workload readiness", "garbage collection", "quota usage"},
	}
}

var ready = v1.Condition{Status: "True", Reason: "ReconciliationSucceeded", Message: "Applied revision: main@sha1:1"}

func baseStep() v1.Step {
	return v1.Step{
		Name:   "base",
		Owners: []v1.Owner{{Object: kustomization("apps"), State: v1.Rendered, Ready: ready}, brokenOwner()},
		Changes: []diff.Change{
			{Object: object("Service", "web"), Owner: kustomization("apps"), Action: diff.Create},
			legacyRefusal(),
		},
	}
}

func brokenOwner() v1.Owner {
	return v1.Owner{Object: kustomization("legacy"), State: v1.Failed, Reason: "apply-failed", Pos: document("clusters/staging/legacy.yaml", 1),
		Ready: v1.Condition{Status: "False", Reason: "ReconciliationFailed", Message: `ConfigMap/shop/old dry-run failed: namespaces "shop" not found`}}
}

func legacyRefusal() diff.Change {
	return diff.Change{Object: object("ConfigMap", "old"), Owner: kustomization("legacy"), Action: diff.Fail, Pos: document("apps/legacy.yaml", 1),
		Error: &diff.Error{Reason: "NotFound", Message: `namespaces "shop" not found`}}
}

func headStep() v1.Step {
	apps, infra := kustomization("apps"), kustomization("infra")
	blockedBy := []finding.Ref{apps}
	s := v1.Step{
		Name: "head",
		Owners: []v1.Owner{
			{Object: apps, State: v1.Failed, Reason: "apply-failed", Pos: document("clusters/staging/apps.yaml", 1),
				Ready: v1.Condition{Status: "False", Reason: "ReconciliationFailed", Message: "Deployment/shop/web dry-run failed (Invalid): Deployment.apps \"web\" is invalid:\nspec.selector: field is immutable"}},
			{Object: kustomization("flux-system"), State: v1.Rendered, Ready: ready},
			{Object: infra, State: v1.Rendered, Ready: ready, Pos: document("clusters/staging/infra.yaml", 1)},
			brokenOwner(),
			{Object: kustomization("vault"), State: v1.Unknown, Reason: "secret-encrypted", Pos: document("clusters/staging/vault.yaml", 1)},
			{Object: kustomization("monitoring"), State: v1.Blocked, Reason: "dependency-not-ready", BlockedBy: blockedBy, Pos: document("clusters/staging/monitoring.yaml", 1),
				Ready: v1.Condition{Status: "False", Reason: "DependencyNotReady", Message: "dependency 'flux-system/apps' is not ready"}},
		},
		Changes: append(infraChanges(infra), appChanges(apps)...),
		Facts:   sampleFacts(infra),
		Notes:   []string{`webhook "validate.nginx.ingress.kubernetes.io" of ValidatingWebhookConfiguration/ingress is not called: its pods do not run here; it would see Ingress/shop/web`},
		Webhooks: []v1.Webhook{
			webhook("ingress", "validate.nginx.ingress.kubernetes.io", object("Ingress", "web")),
			webhook("keda", "jobs.keda.sh"), webhook("keda", "objects.keda.sh"), webhook("policies", "policies.example.com"),
		},
	}
	s.Changes = append(s.Changes, legacyRefusal(), diff.Change{Object: kustomization("infra"), Owner: kustomization("flux-system"), Action: diff.Unchanged})
	for _, name := range strings.Fields("a b c d e f g") {
		s.Changes = append(s.Changes, diff.Change{Object: object("ConfigMap", name), Owner: kustomization("monitoring"), Action: diff.Blocked, BlockedBy: blockedBy})
	}
	return s
}

func webhook(configuration, name string, sees ...finding.Ref) v1.Webhook {
	return v1.Webhook{Configuration: finding.Ref{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: configuration}, Name: name, Sees: sees}
}

func sampleFacts(owner finding.Ref) []finding.Fact {
	return []finding.Fact{
		{Fact: "data-deleted", Severity: finding.Error, Object: object("PersistentVolumeClaim", "orders"), Owner: owner, Pos: document("infra/claim.yaml", 1),
			Message: "is deleted: its volume and the data on it go", Others: []finding.Ref{kustomization("database")}, Check: "make a backup"},
		{Fact: "scaled-to-zero", Severity: finding.Warning, Object: object("Deployment", "web"), Owner: owner, Field: "/spec/replicas", Pos: at("apps/web.yaml", 9, 13, 14),
			Message: "is scaled from 3 to 0: nothing of it runs any more", From: "3", To: "0", Check: "see that nothing needs it"},
		{Fact: "image-changed", Severity: finding.Info, Object: object("Deployment", "api"), Owner: owner, Message: `container "api" gets the image api:2 instead of api:1`, From: "api:1", To: "api:2"},
		{Fact: "image-changed", Severity: finding.Info, Object: object("Deployment", "web"), Owner: owner, Message: `container "web" gets the image web:2 instead of web:1`, From: "web:1", To: "web:2"},
	}
}

func infraChanges(owner finding.Ref) []diff.Change {
	return []diff.Change{
		{Object: finding.Ref{Kind: "Namespace", Name: "shop"}, Owner: owner, Action: diff.Create, Pos: document("infra/ns.yaml", 1),
			Fields: []diff.Field{{Pointer: "/kind", Label: "kind", Kind: diff.Added, After: "Namespace"}}},
		{Object: object("ConfigMap", "nginx"), Owner: owner, Action: diff.Update, Pos: document("infra/nginx.yaml", 1), Fields: []diff.Field{
			{Pointer: "/data/nginx.conf", Label: "data[nginx.conf]", Kind: diff.Changed, Text: "@@ -3,3 +3,3 @@\n server {\n-  listen 80;\n+  listen 8080;\n }", Pos: at("infra/nginx.yaml", 6, 3, 0)},
			{Pointer: "/metadata/labels/tier", Label: "metadata.labels.tier", Kind: diff.Added, After: "front", Pos: at("infra/nginx.yaml", 5, 5, 0)},
		}},
		{Object: object("Secret", "token"), Owner: owner, Action: diff.Update, Fields: []diff.Field{{Pointer: "/data/token", Label: "data.token", Kind: diff.Changed, Before: "***", After: "*** (changed)"}}},
		{Object: object("Job", "migrate"), Owner: owner, Action: diff.Recreate, Reason: "forced", Pos: document("infra/job.yaml", 1)},
		{Object: object("Role", "x"), Owner: owner, Action: diff.Adopt, From: kustomization("legacy")},
		{Object: object("ConfigMap", "gone"), Owner: owner, Action: diff.Delete},
		{Object: object("ConfigMap", "kept"), Owner: owner, Action: diff.Orphan, Reason: "prune-disabled"},
		{Object: object("ConfigMap", "mine"), Owner: owner, Action: diff.Skip, Reason: "reconcile-disabled"},
		{Object: object("ConfigMap", "same"), Owner: owner, Action: diff.Unchanged},
	}
}

func appChanges(owner finding.Ref) []diff.Change {
	return []diff.Change{
		{Object: finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Owner: owner, Action: diff.Fail, Pos: document("apps/web.yaml", 1),
			Fields: []diff.Field{{Pointer: "/spec/replicas", Label: "spec.replicas", Kind: diff.Changed, Before: "2", After: "3", Pos: at("apps/web.yaml", 9, 13, 14)}},
			Error: &diff.Error{Reason: "Invalid", Message: `Deployment.apps "web" is invalid`, Hint: `keep "app: web", or set "spec.force: true" on Kustomization "apps" to let Flux delete and create it again`,
				Causes: []diff.Cause{{Field: "spec.selector", Message: `Invalid value: {"matchLabels":{"app":"storefront"}}: field is immutable`, Pos: at("apps/web.yaml", 8, 12, 22)}}}},
		{Object: object("Service", "web"), Owner: owner, Action: diff.Blocked, BlockedBy: []finding.Ref{owner}},
	}
}
