// Package expression compiles the CEL expressions of Flux objects as the
// controllers do before they do anything else.
package expression

import (
	"fmt"
	"regexp"

	celgo "github.com/google/cel-go/cel"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// terminal is how the controllers begin the message of an error that they do
// not retry.
const terminal = "Reconciliation failed terminally due to configuration error: "

// Failure is what the controllers report of expressions that do not compile.
type Failure struct {
	Ready    render.Condition
	Problems []finding.Problem // one for each mistake
}

// Judge takes what is wrong with the expressions of an object into the Result of
// its render. What it would apply stays listed.
func Judge(o *render.Object, res render.Result) render.Result {
	if res.State == render.Suspended {
		return res
	}
	health, ready := HealthChecks(o), Dependencies(o)
	// Only kustomize-controller looks for the source before the dependencies.
	if ready != nil && !(res.State == render.Failed && res.Revision == "" && o.GetKind() == "Kustomization") {
		res.State, res.Reason, res.Ready = render.Failed, ReasonInvalid, ready.Ready
	}
	if health != nil {
		res.State, res.Reason, res.Ready = render.Failed, ReasonInvalid, health.Ready
	}
	for _, f := range []*Failure{ready, health} {
		if f != nil {
			res.Problems = append(f.Problems, res.Problems...)
		}
	}
	return res
}

// ReasonInvalid is the reason of every Problem of this package.
const ReasonInvalid = "expression-invalid"

// HealthChecks compiles spec.healthCheckExprs of a Kustomization or HelmRelease.
// Nil means that nothing is wrong.
func HealthChecks(o *render.Object) *Failure {
	var checks []kustomize.CustomHealthCheck
	var problems []finding.Problem
	seen := map[schema.GroupKind]bool{}
	for i, item := range list(o, "healthCheckExprs") {
		at := finding.Pointer("spec", "healthCheckExprs", fmt.Sprint(i))
		c := kustomize.CustomHealthCheck{APIVersion: text(item, "apiVersion"), Kind: text(item, "kind")}
		c.Current, c.Failed, c.InProgress = text(item, "current"), text(item, "failed"), text(item, "inProgress")
		checks = append(checks, c)
		gk := schema.FromAPIVersionAndKind(c.APIVersion, c.Kind).GroupKind()
		if seen[gk] {
			problems = append(problems, problem(o, at, fmt.Sprintf("an earlier entry has expressions for %q already", gk)))
		}
		seen[gk] = true
		if c.Current == "" {
			problems = append(problems, problem(o, at, `the expression "current" is missing`))
		}
		for _, field := range []struct{ name, text string }{{"current", c.Current}, {"failed", c.Failed}, {"inProgress", c.InProgress}} {
			if field.text == "" {
				continue
			}
			if _, err := cel.NewExpression(field.text); err != nil {
				problems = append(problems, problem(o, at+"/"+field.name, describe(field.text, err)))
			}
		}
	}
	if len(checks) == 0 {
		return nil
	}
	_, err := cel.NewStatusReader(checks)
	if err == nil {
		return nil
	}
	return &Failure{Ready: condition(err.Error()), Problems: problems}
}

// Dependencies compiles readyExpr of spec.dependsOn. The controllers look at a
// dependency only when those before it are ready. Nil means that nothing is wrong.
func Dependencies(o *render.Object) *Failure {
	var out *Failure
	for i, item := range list(o, "dependsOn") {
		expr := text(item, "readyExpr")
		if expr == "" {
			continue
		}
		_, err := cel.NewExpression(expr, cel.WithCompile(), cel.WithOutputType(celgo.BoolType), cel.WithStructVariables("self", "dep"))
		if err == nil {
			continue
		}
		if out == nil {
			out = &Failure{Ready: condition(fmt.Sprintf("terminal error: failed to evaluate dependency %s: %s", text(item, "name"), err))}
		}
		out.Problems = append(out.Problems, problem(o, finding.Pointer("spec", "dependsOn", fmt.Sprint(i), "readyExpr"), describe(expr, err)))
	}
	return out
}

func condition(message string) render.Condition {
	return render.Condition{Status: "False", Reason: "InvalidCELExpression", Message: terminal + message}
}

func problem(o *render.Object, field, message string) finding.Problem {
	return finding.Problem{
		Reason: ReasonInvalid, Object: o.Ref(), Field: field, Pos: o.At(field), Message: message,
		Hint: "correct the expression; health checks see the object itself, readyExpr sees self and dep",
	}
}

// firstError finds the first mistake in what the compiler prints over several lines.
var firstError = regexp.MustCompile(`ERROR: <input>:\d+:(\d+): (.*)`)

func describe(expr string, err error) string {
	if m := firstError.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("the expression %q does not compile, column %s: %s", expr, m[1], m[2])
	}
	return fmt.Sprintf("the expression %q cannot be used: %s", expr, err)
}

func list(o *render.Object, field string) []map[string]any {
	spec, _ := o.Object["spec"].(map[string]any)
	items, _ := spec[field].([]any)
	var out []map[string]any
	for _, item := range items {
		m, _ := item.(map[string]any)
		out = append(out, m)
	}
	return out
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
