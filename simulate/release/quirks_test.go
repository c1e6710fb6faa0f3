package release

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// Secrets are masked in the very patch that is to correct them, so that the
// release never gets ready while everything else is corrected.
func TestDriftOfSecretsStays(t *testing.T) {
	p := newPlay(t, "masked")
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: chart}\n"
	c := chart{"templates/a.yaml": configMap("a", "from: chart"), "templates/b.yaml": secret}
	p.want("  driftDetection: {mode: enabled}")
	p.reconcile(c)
	p.patch("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: masked}, data: {from: edited}}")
	p.patch("{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: masked}, stringData: {key: edited}}")
	got := p.reconcile(c)
	want := []Event{
		{"Warning", "DriftDetected", "Cluster state of release masked/app.v1 has drifted from the desired state:\n" +
			"Secret/masked/s changed (0 additions, 1 changes, 0 removals)\nConfigMap/masked/a changed (0 additions, 1 changes, 0 removals)"},
		{"Warning", "DriftCorrectionFailed", "Failed to partially correct cluster state of release masked/app.v1:\n" +
			"Secret/masked/s patch failure: illegal base64 data at input byte 0\n\nSuccessful corrections:\nConfigMap/masked/a configured"},
		{"Warning", "DriftDetected", "Cluster state of release masked/app.v1 has drifted from the desired state:\n" +
			"Secret/masked/s changed (0 additions, 1 changes, 0 removals)"},
	}
	if diff := cmp.Diff(want, got.Events); diff != "" {
		t.Errorf("events (-want +have):\n%s", diff)
	}
	if want := (render.Condition{Status: "Unknown", Reason: "Progressing", Message: "correcting cluster drift"}); got.Ready() != want || got.Next != AtOnce {
		t.Errorf("ready is %v and next is %s, want %v at once", got.Ready(), got.Next, want)
	}
}

// Tests that a filter leaves out count as tests of the release.
func TestFilteredTestsAreCounted(t *testing.T) {
	p := newPlay(t, "filtered")
	hook := func(name string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", annotations: {helm.sh/hook: test}}\n"
	}
	p.want("  test: {enable: true, filters: [{name: one}]}")
	got := p.reconcile(chart{"templates/a.yaml": configMap("a", "key: value"), "templates/b.yaml": hook("one"), "templates/c.yaml": hook("two")})
	if want := "Helm test succeeded for release filtered/app.v1 with chart demo@1.0.0: 2 test hooks completed successfully"; got.Ready().Message != want {
		t.Errorf("ready is %v, want %q", got.Ready(), want)
	}
	if p.data("one") == nil && p.live("v1", "ConfigMap", "one") == nil || p.live("v1", "ConfigMap", "two") != nil {
		t.Error("the wanted test has not run, or the other one has")
	}
}

// How an action waits follows the spec and the defaults of the controller.
func TestWaitStrategies(t *testing.T) {
	helm3 := render.DefaultSettings()
	helm3.UseHelm3Defaults = true
	job := "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: example.org/c}]}}}\n"
	tests := map[string]struct {
		reason   string
		spec     string
		settings render.Settings
		want     Wait
	}{
		"poller":       {"Jobs have to complete", "", render.DefaultSettings(), Wait{For: Healthy}},
		"without-jobs": {"Jobs have to begin", "  install: {disableWaitForJobs: true}", render.DefaultSettings(), Wait{For: Started}},
		"legacy":       {"as Helm 3 waits", "  waitStrategy: {name: legacy}", render.DefaultSettings(), Wait{For: Healthy, Legacy: true}},
		"helm3":        {"the default of the gate", "", helm3, Wait{For: Healthy, Legacy: true}},
		"helm3-poller": {"the spec wins over the gate", "  waitStrategy: {name: poller}", helm3, Wait{For: Healthy}},
		"not-at-all":   {"there is no hook to wait for", "  install: {disableWait: true}", render.DefaultSettings(), Wait{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, "wait-"+name)
			p.want(test.spec)
			var asked Wait
			_, err := Reconcile(t.Context(), Request{
				Config: p.config, Object: p.object, Settings: test.settings, Prepared: p.prepare(chart{"templates/a.yaml": job}),
				Health: func(_ context.Context, w Wait) error {
					asked = Wait{For: w.For, Legacy: w.Legacy}
					return errors.New("late")
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("%s (-want +have):\n%s", test.reason, diff)
			}
		})
	}
}

// patch changes an object as somebody else does.
func (p *play) patch(text string) {
	p.t.Helper()
	if err := p.client.Patch(p.t.Context(), p.parse(text), client.Merge); err != nil {
		p.t.Fatal(err)
	}
}

// Values that are preserved and no longer wanted cause one upgrade in each
// reconciliation, not one without end.
func TestPreservedValuesUpgradeOnce(t *testing.T) {
	p := newPlay(t, "preserved")
	c := chart{"templates/a.yaml": configMap("a", "key: {{ .Values.kept }}")}
	p.want("  upgrade: {preserveValues: true}\n  values: {kept: before, more: 1}")
	p.reconcile(c)
	p.want("  upgrade: {preserveValues: true}\n  values: {more: 2}")
	for _, want := range []string{"preserved/app.v2 chart=demo@1.0.0 status=deployed", "preserved/app.v3 chart=demo@1.0.0 status=deployed"} {
		got := p.reconcile(c)
		if got.Next != AtInterval || got.History()[0] != want || p.data("a")["key"] != "before" {
			t.Errorf("next is %s, history %v, data %v, want %q", got.Next, got.History(), p.data("a"), want)
		}
	}
}
