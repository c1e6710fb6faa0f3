package facts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

func TestPodsRefused(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, tt := range []struct{ why, message, field string }{
		{"a policy looks at all of the pod", `pods "web-0" is forbidden: violates PodSecurity "restricted:latest"`, "/spec/template/spec"},
		{"the account that it names", `pods "web-0" is forbidden: error looking up service account shop/web: serviceaccount "web" not found`, "/spec/template/spec/serviceAccountName"},
		{"the priority that it names", `pods "web-0" is forbidden: no PriorityClass with name high was found`, "/spec/template/spec/priorityClassName"},
	} {
		check(t, tt.why, Step{Refused: []Verdict{{Ref: ref, Message: tt.message}}},
			want{"pods-refused", finding.Error, "Deployment/shop/web", tt.field, "its pods would be refused: " + tt.message})
	}
}

func TestNotices(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	notice := func(field, message string) []Notice { return []Notice{{Ref: ref, Field: field, Message: message}} }
	for _, tt := range []struct {
		why      string
		step     Step
		fact     string
		severity finding.Severity
		message  string
	}{
		{"a policy that only warns", Step{Warned: notice("/spec", "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no")},
			"server-warned", finding.Warning, "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"},
		{"a field that is doubtful", Step{Warned: notice("/spec", `spec.template.spec.containers[0].env[1]: hides previous definition of "A"`)},
			"server-warned", finding.Info, `spec.template.spec.containers[0].env[1]: hides previous definition of "A"`},
		{"a policy that comes after the objects", Step{Later: notice("/spec", "denied")},
			"refused-later", finding.Error, "would be refused at the next reconciliation: denied"},
		{"a policy that comes after a release", Step{Later: []Notice{{Ref: ref, Field: "/spec", Message: "denied", Upgrade: true}}},
			"refused-later", finding.Warning, "would be refused at the next upgrade of its release: denied"},
	} {
		check(t, tt.why, tt.step, want{tt.fact, tt.severity, "Deployment/shop/web", "/spec", tt.message})
	}
}

func TestChangedLater(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	labelled := object(t, web)
	labelled["metadata"].(map[string]any)["labels"] = map[string]any{"team": "a"}
	other := object(t, strings.Replace(web, "web:1", "mirror/web:1", 1))
	alteration := func(after map[string]any, upgrade bool) Step {
		before := object(t, web)
		return Step{Altered: []Alteration{{Object: Object{Ref: ref, Before: before, After: after}, Fields: diff.Objects(before, after), Upgrade: upgrade}}}
	}
	check(t, "a label", alteration(labelled, true), want{"changed-later", finding.Warning, "Deployment/shop/web", "/metadata/labels",
		"would be changed at the next upgrade of its release, by a policy and not by its owner: metadata.labels"})
	check(t, "what its pods are made from", alteration(other, false), want{"changed-later", finding.Warning, "Deployment/shop/web", "/spec/template/spec/containers/0/image",
		"would be changed at the next reconciliation, by a policy and not by its owner: spec.template.spec.containers[web].image; that replaces its pods"})
}

func TestPodOf(t *testing.T) {
	got := PodOf(object(t, `{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: shop}, spec: {jobTemplate: {spec: {template: {
metadata: {labels: {app: nightly}}, spec: {restartPolicy: Never}}}}}}`))
	want := object(t, `{apiVersion: v1, kind: Pod, metadata: {name: nightly-0, namespace: shop, labels: {app: nightly}}, spec: {restartPolicy: Never}}`)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the pod of a CronJob (-want +got):\n%s", d)
	}
	if got := PodOf(object(t, setting)); got != nil {
		t.Errorf("a ConfigMap runs %v", got)
	}
}

// What pods are refused for is not told a second time as a warning.
func TestRefusedIsNoWarning(t *testing.T) {
	ref := finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	warned := []Notice{{Ref: ref, Message: `is taken with a warning: would violate PodSecurity "baseline:latest": host namespaces`}}
	check(t, "refused", Step{Warned: warned, Refused: []Verdict{{Ref: ref, Message: "violates PodSecurity"}}},
		want{"pods-refused", finding.Error, "Deployment/shop/web", "/spec/template/spec", "its pods would be refused: violates PodSecurity"})
	check(t, "only warned of", Step{Warned: warned}, want{"server-warned", finding.Warning, "Deployment/shop/web", "", warned[0].Message})
}
