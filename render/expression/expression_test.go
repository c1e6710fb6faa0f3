package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

func object(t *testing.T, kind, spec string) *render.Object {
	t.Helper()
	content := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: " + kind + "\nmetadata: {name: app, namespace: flux-system}\nspec:\n" + spec
	d := repo.FromFiles(map[string]string{"ks.yaml": content}).File("ks.yaml").Documents()[0]
	m, err := d.Map()
	if err != nil {
		t.Fatal(err)
	}
	return &render.Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: render.Origin{Doc: d}}
}

func check(t *testing.T, reason string, got *Failure, ready string, problems []string) {
	t.Helper()
	if got == nil {
		got = &Failure{}
	}
	if message := strings.TrimPrefix(got.Ready.Message, terminal); !strings.HasPrefix(message, ready) || ready == "" && message != "" {
		t.Errorf("%s: Ready is %q, want it to begin with %q", reason, message, ready)
	}
	if ready != "" && got.Ready.Reason != "InvalidCELExpression" {
		t.Errorf("%s: the reason is %q", reason, got.Ready.Reason)
	}
	var lines []string
	for _, p := range got.Problems {
		lines = append(lines, p.Pos.String()+" "+p.Message)
	}
	if diff := cmp.Diff(problems, lines); diff != "" {
		t.Errorf("%s (-want +got):\n%s", reason, diff)
	}
}

func TestHealthChecks(t *testing.T) {
	tests := []struct {
		reason, spec, ready string
		problems            []string
	}{
		{"no expressions", "  wait: true\n", "", nil},
		{"a good one; names are looked up when it is evaluated", "  healthCheckExprs:\n  - {apiVersion: a/v1, kind: K, current: 'whatever.x == 1'}\n", "", nil},
		{
			"text that does not parse", "  healthCheckExprs:\n  - apiVersion: a/v1\n    kind: K\n    current: status.ready ==\n",
			"failed to create custom status evaluator for healthchecks[0]: failed to parse the expression Current: failed to parse the CEL expression 'status.ready ==': ERROR: <input>:1:16: Syntax error:",
			[]string{`ks.yaml:8:14 the expression "status.ready ==" does not compile, column 16: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}`},
		},
		{
			"current is required; every mistake is reported", "  healthCheckExprs:\n  - apiVersion: a/v1\n    kind: K\n    failed: ')'\n",
			"failed to create custom status evaluator for healthchecks[0]: expression Current not specified",
			[]string{
				`ks.yaml:6:5 the expression "current" is missing`,
				`ks.yaml:8:13 the expression ")" does not compile, column 1: Syntax error: mismatched input ')' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}`,
			},
		},
		{
			"one entry for each group and kind", "  healthCheckExprs:\n  - {apiVersion: a/v1, kind: K, current: 'true'}\n  - {apiVersion: a/v2, kind: K, current: 'true'}\n",
			"duplicate custom health check for GroupKind K.a at healthchecks[1]",
			[]string{`ks.yaml:7:5 an earlier entry has expressions for "K.a" already`},
		},
		{
			"without a kind the entry is for the group", "  healthCheckExprs:\n  - {apiVersion: a/v1, current: 'true'}\n  - {apiVersion: a/v1, kind: K, current: 'true'}\n", "", nil,
		},
	}
	for _, test := range tests {
		check(t, test.reason, HealthChecks(object(t, "Kustomization", test.spec)), test.ready, test.problems)
	}
}

func TestDependencies(t *testing.T) {
	tests := []struct {
		reason, kind, spec, ready string
		problems                  []string
	}{
		{"no expression", "Kustomization", "  dependsOn: [{name: a}]\n", "", nil},
		{"a good one", "Kustomization", "  dependsOn: [{name: a, readyExpr: 'dep.status.x == self.spec.y'}]\n", "", nil},
		{
			"an unknown variable does not compile here", "Kustomization", "  dependsOn:\n  - name: a\n    readyExpr: other.x == 1\n",
			"terminal error: failed to evaluate dependency a: failed to parse the CEL expression 'other.x == 1': ERROR: <input>:1:1: undeclared reference to 'other'",
			[]string{`ks.yaml:7:16 the expression "other.x == 1" does not compile, column 1: undeclared reference to 'other' (in container '')`},
		},
		{
			"the result must be a truth value", "Kustomization", "  dependsOn:\n  - name: a\n    readyExpr: '1'\n",
			"terminal error: failed to evaluate dependency a: CEL expression output type mismatch: expected bool, got int",
			[]string{`ks.yaml:7:16 the expression "1" cannot be used: CEL expression output type mismatch: expected bool, got int`},
		},
		{
			"the controller of releases says the same", "HelmRelease", "  dependsOn:\n  - name: a\n    readyExpr: '1'\n",
			"terminal error: failed to evaluate dependency a: CEL expression output type mismatch: expected bool, got int",
			[]string{`ks.yaml:7:16 the expression "1" cannot be used: CEL expression output type mismatch: expected bool, got int`},
		},
	}
	for _, test := range tests {
		check(t, test.reason, Dependencies(object(t, test.kind, test.spec)), test.ready, test.problems)
	}
}

func TestJudge(t *testing.T) {
	both := "  healthCheckExprs: [{apiVersion: a/v1, kind: K, current: ')'}]\n  dependsOn: [{name: a, readyExpr: ')'}]\n"
	build := render.Result{State: render.Failed, Reason: "path-not-found", Revision: "main", Ready: render.Condition{Reason: "ArtifactFailed"}}
	source := render.Result{State: render.Failed, Reason: "source-not-found", Ready: render.Condition{Reason: "ArtifactFailed"}}
	tests := []struct {
		reason, kind, spec string
		in                 render.Result
		state              render.State
		ready              string
		problems           int
	}{
		{"health checks come before everything", "Kustomization", both, source, render.Failed, "InvalidCELExpression", 2},
		{"the source comes before the dependencies", "Kustomization", "  dependsOn: [{name: a, readyExpr: ')'}]\n", source, render.Failed, "ArtifactFailed", 1},
		{"the dependencies come before the build", "Kustomization", "  dependsOn: [{name: a, readyExpr: ')'}]\n", build, render.Failed, "InvalidCELExpression", 1},
		{"for a release the dependencies come first", "HelmRelease", "  dependsOn: [{name: a, readyExpr: ')'}]\n", source, render.Failed, "InvalidCELExpression", 1},
		{"nobody looks at a suspended object", "Kustomization", both, render.Result{State: render.Suspended}, render.Suspended, "", 0},
		{"good expressions change nothing", "Kustomization", "  dependsOn: [{name: a, readyExpr: 'true'}]\n", render.Result{State: render.Rendered}, render.Rendered, "", 0},
	}
	for _, test := range tests {
		got := Judge(object(t, test.kind, test.spec), test.in)
		if got.State != test.state || got.Ready.Reason != test.ready || len(got.Problems) != test.problems {
			t.Errorf("%s: %s %q with %d problems, want %s %q with %d", test.reason, got.State, got.Ready.Reason, len(got.Problems), test.state, test.ready, test.problems)
		}
	}
}
