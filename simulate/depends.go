package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	celtypes "github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/expression"
)

// terminal is how the controllers begin the message of an error that they do
// not try to get over.
const terminal = "Reconciliation failed terminally due to configuration error"

// dependency is one item of spec.dependsOn.
type dependency struct {
	ref     finding.Ref
	expr    string
	ready   bool // it has to be ready, not only there
	foreign bool // of any kind, as a ResourceSet names it
}

// dependencies reads spec.dependsOn.
func (s *subject) dependencies() []dependency {
	list, _, _ := unstructured.NestedSlice(s.live.Object, "spec", "dependsOn")
	var out []dependency
	for i, d := range render.Dependencies(&render.Object{Unstructured: s.live}) {
		m, _ := list[i].(map[string]any)
		out = append(out, dependency{ref: d.Ref, expr: text(m["readyExpr"]), ready: d.Ready, foreign: d.Foreign})
	}
	return out
}

// obstacle is why an object may not reconcile yet.
type obstacle struct {
	reason   string // of the Ready condition
	code     string // stable
	message  string
	event    string // what the event says, when it is not the message
	terminal bool
	on       []finding.Ref
}

// checkKustomization does what kustomize-controller does before it fetches anything.
func (r *replay) checkKustomization(ctx context.Context, s *subject) (bool, error) {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return false, r.hinder(ctx, s, obstacle{reason: "ReconciliationFailed", code: "invalid-object", message: err.Error()})
	}
	o := healthExpressions(s)
	if o == nil && !operated(s.ref) {
		o = r.sourceObstacle(ctx, s, k)
	}
	if o == nil {
		o = r.dependencyObstacle(ctx, s, k)
	}
	if o == nil {
		return true, nil
	}
	return false, r.hinder(ctx, s, *o)
}

func kustomizationOf(u *unstructured.Unstructured) (*kustomizev1.Kustomization, error) {
	if u.GroupVersionKind().Group == operatorGroup {
		return planOf(u)
	}
	k := &kustomizev1.Kustomization{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, k); err != nil {
		return nil, fmt.Errorf("read the Kustomization: %w", err)
	}
	return k, nil
}

// hinder writes the status of an object that may not go on.
func (r *replay) hinder(ctx context.Context, s *subject, o obstacle) error {
	st := statusOf(s.live)
	s.mem.reason, s.mem.on = o.code, o.on
	if o.terminal {
		st.stall(o.reason, o.message)
		r.event(s.ref, "Warning", o.reason, cmp.Or(o.event, o.message))
		return r.conclude(ctx, s, st, phaseStalled)
	}
	st.set(conditionReady, "False", o.reason, o.message)
	st.drop(conditionStalled)
	return r.conclude(ctx, s, st, phaseBlocked)
}

// healthExpressions says which expression for health checks does not compile.
func healthExpressions(s *subject) *obstacle {
	f := expression.HealthChecks(&render.Object{Unstructured: s.live})
	if f == nil {
		return nil
	}
	return &obstacle{reason: f.Ready.Reason, code: "invalid-cel", message: f.Ready.Message, terminal: true}
}

// sourceOf names the source object whose artifact a Flux object takes.
func (r *replay) sourceOf(s *subject) (finding.Ref, bool) {
	if s.ref.Kind == helmReleaseKind.Kind {
		return chartSourceOf(s.live)
	}
	m, _, _ := unstructured.NestedMap(s.live.Object, "spec", "sourceRef")
	ref := finding.Ref{Group: sourceGroup, Kind: text(m["kind"]), Namespace: text(m["namespace"]), Name: text(m["name"])}
	if ref.Namespace == "" {
		ref.Namespace = s.ref.Namespace
	}
	return ref, ref.Kind != "" && ref.Name != ""
}

// sourceObstacle says why the source of a Kustomization cannot be used.
func (r *replay) sourceObstacle(ctx context.Context, s *subject, k *kustomizev1.Kustomization) *obstacle {
	ref, _ := r.sourceOf(s)
	settings := r.step.input.Settings
	id := fmt.Sprintf("%s/%s/%s", ref.Kind, ref.Namespace, ref.Name)
	if settings.NoCrossNamespaceRefs && ref.Namespace != k.Namespace {
		msg := fmt.Sprintf("can't access '%s', cross-namespace references have been blocked", id)
		return &obstacle{reason: "AccessDenied", code: "access-denied", message: msg, terminal: true, on: []finding.Ref{ref}}
	}
	if ref.Kind == externalKind.Kind && !settings.ExternalArtifact {
		msg := fmt.Sprintf("can't access '%s', ExternalArtifact feature gate is disabled", id)
		return &obstacle{reason: "AccessDenied", code: "access-denied", message: msg, terminal: true, on: []finding.Ref{ref}}
	}
	src, err := r.cluster.find(ctx, ref)
	if err != nil {
		msg := err.Error()
		if absent(err) {
			msg = fmt.Sprintf("%s.%s %q not found", ref.Kind, sourceGroup, ref.Name)
		}
		return &obstacle{reason: "ArtifactFailed", code: "source-not-found", message: msg, on: []finding.Ref{ref}}
	}
	if _, ok, _ := unstructured.NestedMap(src.Object, "status", "artifact"); !ok {
		o := &obstacle{reason: "ArtifactFailed", code: "source-not-ready", message: "Source artifact not found, retrying in 30s", on: []finding.Ref{ref}}
		if m := r.memory[ref]; m != nil && m.phase == phaseUnknown {
			o.code = "source-unknown"
		}
		return o
	}
	return nil
}

// dependencyObstacle says which dependency is not ready.
func (r *replay) dependencyObstacle(ctx context.Context, s *subject, k *kustomizev1.Kustomization) *obstacle {
	for _, d := range s.dependencies() {
		o := r.dependencyState(ctx, s, d)
		if o != nil {
			o.on = []finding.Ref{d.ref}
			return o
		}
	}
	return nil
}

func (r *replay) dependencyState(ctx context.Context, s *subject, d dependency) *obstacle {
	id := d.ref.Namespace + "/" + d.ref.Name
	waits := func(code, text string) *obstacle {
		return &obstacle{reason: "DependencyNotReady", code: code, message: fmt.Sprintf("dependency '%s' %s", id, text)}
	}
	dep, err := r.cluster.find(ctx, d.ref)
	if err != nil {
		return waits("dependency-not-found", "not found: "+err.Error())
	}
	if d.expr != "" {
		ready, err := r.fulfilled(ctx, s, d, dep)
		var t terminalError
		switch {
		case errors.As(err, &t):
			msg := fmt.Sprintf("%s: terminal error: failed to evaluate dependency %s: %s", terminal, d.ref.Name, err)
			return &obstacle{reason: "InvalidCELExpression", code: "invalid-cel", message: msg, terminal: true}
		case err != nil:
			return &obstacle{reason: "DependencyNotReady", code: "dependency-not-ready", message: err.Error()}
		case !ready:
			return waits("dependency-not-ready", "is not ready according to readyExpr eval")
		case !r.step.input.Settings.AdditiveCELDependencyCheck:
			return nil
		}
	}
	if r.presumed(ctx, d.ref) {
		return nil
	}
	if d.foreign {
		if !foreignState(d, dep) {
			return waits("dependency-not-ready", "is not ready")
		}
		return nil
	}
	st := statusOf(dep)
	if len(st.conditions) == 0 || !st.observed() || !st.is(conditionReady, "True") {
		return waits("dependency-not-ready", "is not ready")
	}
	own, _ := r.sourceOf(s)
	theirs, _ := r.sourceOf(&subject{ref: d.ref, live: dep})
	if own == theirs && !sameRevision(s.mem.revision, st.text("lastAppliedRevision")) {
		return waits("dependency-outdated", "revision is not up to date")
	}
	return nil
}

// sameRevision compares revisions as artifacts do: by digest when both have one.
func sameRevision(a, b string) bool {
	if a == b {
		return true
	}
	_, da, okA := strings.Cut(a, "@")
	_, db, okB := strings.Cut(b, "@")
	return okA && okB && da == db
}

// terminalError is a CEL expression that can never be evaluated.
type terminalError struct{ error }

// fulfilled evaluates the readyExpr of a dependency.
func (r *replay) fulfilled(ctx context.Context, s *subject, d dependency, dep *unstructured.Unstructured) (ready bool, err error) {
	err = r.expressed(ctx, s.ref, "/spec/dependsOn", func(ctx context.Context) error {
		ready, err = evaluate(ctx, d.expr, s.live, dep)
		return err
	})
	return ready, err
}

// evaluate computes a readyExpr over the object and its dependency.
func evaluate(ctx context.Context, expr string, self, dep *unstructured.Unstructured) (bool, error) {
	e, err := cel.NewExpression(expr, cel.WithCompile(), cel.WithOutputType(celtypes.BoolType), cel.WithStructVariables("self", "dep"))
	if err != nil {
		return false, terminalError{err}
	}
	return e.EvaluateBoolean(ctx, map[string]any{"self": self.Object, "dep": dep.Object})
}
