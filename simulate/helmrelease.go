package simulate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// chartSourceOf names the HelmChart, OCIRepository or ExternalArtifact that a
// HelmRelease takes its chart from.
func chartSourceOf(u *unstructured.Unstructured) (finding.Ref, bool) {
	if m, ok, _ := unstructured.NestedMap(u.Object, "spec", "chartRef"); ok {
		ref := finding.Ref{Group: sourceGroup, Kind: text(m["kind"]), Namespace: text(m["namespace"]), Name: text(m["name"])}
		if ref.Namespace == "" {
			ref.Namespace = u.GetNamespace()
		}
		return ref, true
	}
	m, ok, _ := unstructured.NestedMap(u.Object, "spec", "chart", "spec", "sourceRef")
	ref := finding.Ref{Group: sourceGroup, Kind: helmChartKind.Kind, Namespace: text(m["namespace"]), Name: u.GetNamespace() + "-" + u.GetName()}
	if ref.Namespace == "" {
		ref.Namespace = u.GetNamespace()
	}
	return ref, ok
}

// checkRelease does what helm-controller does before it looks at values: the
// HelmChart object, the dependencies, the source.
func (r *replay) checkRelease(ctx context.Context, s *subject) (bool, error) {
	if o := healthExpressions(s); o != nil {
		return false, r.hinderRelease(ctx, s, *o)
	}
	ref, ok := chartSourceOf(s.live)
	if !ok {
		return false, r.hinder(ctx, s, obstacle{reason: "ArtifactFailed", code: "no-chart", message: "no chart is named"})
	}
	foreign := ref.Namespace != s.ref.Namespace && r.step.input.Settings.HelmNoCrossNamespaceRefs
	if foreign && ref.Kind == helmChartKind.Kind && !hasChartRef(s.live) {
		s.mem.phase, s.mem.reason, s.mem.moment = phaseStalled, "access-denied", r.moment()
		r.note("%s is never touched: its chart source is in namespace %q and references across namespaces are blocked; helm-controller only logs it", s.ref, ref.Namespace)
		return false, nil
	}
	if ok, err := r.templateChart(ctx, s, ref); !ok || err != nil {
		s.mem.phase, s.mem.reason, s.mem.moment = phaseFailed, "source-not-ready", r.moment()
		return false, err
	}
	for _, d := range s.dependencies() {
		if o := r.releaseDependency(ctx, s, d); o != nil {
			o.on = []finding.Ref{d.ref}
			return false, r.hinderRelease(ctx, s, *o)
		}
	}
	if foreign {
		return false, r.hinderRelease(ctx, s, obstacle{reason: "AccessDenied", code: "access-denied", terminal: true, on: []finding.Ref{ref},
			message: fmt.Sprintf("cross-namespace references are not allowed: cannot access %s %s/%s", ref.Kind, ref.Namespace, ref.Name)})
	}
	o := r.chartObstacle(ctx, s, ref)
	s.mem.revision = r.revisionFor(ctx, s)
	if o != nil {
		return false, r.hinderRelease(ctx, s, *o)
	}
	return true, nil
}

func hasChartRef(u *unstructured.Unstructured) bool {
	_, ok, _ := unstructured.NestedMap(u.Object, "spec", "chartRef")
	return ok
}

// hinderRelease writes the status of a HelmRelease that may not go on.
func (r *replay) hinderRelease(ctx context.Context, s *subject, o obstacle) error {
	switch o.reason {
	case "DependencyNotReady":
		r.event(s.ref, "Normal", o.reason, o.message)
	case "InvalidCELExpression":
		o.event = strings.TrimPrefix(o.message, terminal+": ")
	}
	return r.hinder(ctx, s, o)
}

// releaseDependency says why a dependency of a HelmRelease is not ready.
func (r *replay) releaseDependency(ctx context.Context, s *subject, d dependency) *obstacle {
	id := d.ref.Namespace + "/" + d.ref.Name
	waits := func(message string) *obstacle {
		return &obstacle{reason: "DependencyNotReady", code: "dependency-not-ready", message: message}
	}
	dep, err := r.cluster.find(ctx, d.ref)
	if err != nil {
		o := waits(fmt.Sprintf("unable to get '%s' dependency: %v", id, err))
		o.code = "dependency-not-found"
		return o
	}
	if d.expr != "" {
		ready, err := r.fulfilled(ctx, s, d, dep)
		var t terminalError
		switch {
		case errors.As(err, &t):
			return &obstacle{reason: "InvalidCELExpression", code: "invalid-cel", terminal: true,
				message: fmt.Sprintf("%s: terminal error: failed to evaluate dependency %s: %s", terminal, d.ref.Name, err)}
		case err != nil:
			return waits(err.Error())
		case !ready:
			return waits(fmt.Sprintf("dependency '%s' is not ready according to readyExpr eval", id))
		case !r.step.input.Settings.HelmAdditiveCELDependencyCheck:
			return nil
		}
	}
	st := statusOf(dep)
	if !r.presumed(ctx, d.ref) && (!st.observed() || !st.is(conditionReady, "True")) {
		return waits(fmt.Sprintf("dependency '%s' is not ready", id))
	}
	return nil
}

// chartObstacle says why the chart of a HelmRelease cannot be had.
func (r *replay) chartObstacle(ctx context.Context, s *subject, ref finding.Ref) *obstacle {
	on := []finding.Ref{ref}
	src, err := r.cluster.find(ctx, ref)
	if err != nil {
		if apierrors.IsNotFound(err) {
			// helm-controller asks its cache, which names the kind instead of the resource.
			err = apierrors.NewNotFound(schema.GroupResource{Group: ref.Group, Resource: ref.Kind}, ref.Name)
		}
		return &obstacle{reason: "ArtifactFailed", code: "source-not-found", message: "could not get Source object: " + err.Error(), on: on}
	}
	st := statusOf(src)
	_, artifact := st.fields["artifact"]
	if artifact && (ref.Kind == externalKind.Kind || st.observed()) && !st.is(conditionStalled, "True") {
		return nil
	}
	o := &obstacle{reason: "SourceNotReady", code: "source-not-ready", on: on,
		message: fmt.Sprintf("%s '%s/%s' is not ready: %s", ref.Kind, ref.Namespace, ref.Name, notReady(st))}
	if m := r.memory[ref]; m != nil && m.phase == phaseUnknown {
		o.code = "source-unknown"
	}
	return o
}

func notReady(st *status) string {
	switch {
	case st.is(conditionReady, "False"), st.is(conditionReady, "Unknown"):
		return st.ready().Message
	case !st.observed():
		return "latest generation of object has not been reconciled"
	}
	return "does not have an artifact"
}

// releaseUser is the user that a HelmRelease acts as, empty for the controller itself.
func (r *replay) releaseUser(s *subject) string {
	account := r.releaseAccount(s)
	if account == "" || s.ref.Kind != helmReleaseKind.Kind {
		return ""
	}
	return serviceAccount(s.ref.Namespace, account)
}

// releaseAccount names the service account of a HelmRelease, empty for none.
func (r *replay) releaseAccount(s *subject) string {
	account, _, _ := unstructured.NestedString(s.live.Object, "spec", "serviceAccountName")
	if account == "" {
		account = r.step.input.Settings.HelmDefaultServiceAccount
	}
	return account
}

func (r *replay) releaseInput(s *subject) ReleaseInput {
	o := &render.Object{Unstructured: s.live.DeepCopy()}
	if applied := r.applied[s.ref]; applied != nil {
		o.Origin = applied.Origin
	}
	return ReleaseInput{
		Object: o, Settings: r.step.input.Settings, Cluster: r.cluster, Sources: worldOf(r), Renderer: r.step.renderer[helmReleaseKind],
		Config: r.cluster.configFor(r.releaseUser(s), s.ref), Admin: r.recorder.watching(r.cluster.base), Wait: r.await,
		Discovery: r.cluster.directory, Mapper: r.cluster.directory.mapper,
	}
}

// reconcileRelease lets helm-controller bring a release up to date.
func (r *replay) reconcileRelease(ctx context.Context, s *subject) error {
	st := statusOf(s.live)
	if r.opts.Releases == nil {
		s.mem.reason = "not-replayed"
		st.set(conditionReady, "Unknown", "Unknown", "releases are not replayed")
		return r.conclude(ctx, s, st, phaseUnknown)
	}
	in := r.releaseInput(s)
	in.Resync = r.step.input.Resync
	r.recorder.answers()
	r.cluster.lapse()
	result, err := r.opts.Releases.Reconcile(ctx, in)
	if err != nil {
		return err
	}
	return r.releaseEnds(ctx, s, st, result)
}

// unservedKind is how the API server's clients say that it does not serve a kind.
var unservedKind = regexp.MustCompile(`no matches for kind "[^"]+" in version "[^"]+"`)

func (r *replay) releaseEnds(ctx context.Context, s *subject, st *status, result ReleaseResult) error {
	chart := st.fields["helmChart"]
	st.fields = map[string]any{}
	for k, v := range result.Status {
		st.fields[k] = v
	}
	if chart != nil {
		st.fields["helmChart"] = chart
	}
	st.conditions = map[string]render.Condition{}
	if result.Ready.Status != "" {
		st.conditions[conditionReady] = result.Ready
	}
	for _, c := range result.Others {
		st.conditions[c.Type] = c.Condition
	}
	if !result.Again && (result.State == render.Rendered || st.is(conditionStalled, "True")) {
		st.observe()
	}
	for _, e := range result.Events {
		r.event(s.ref, e.Type, e.Reason, e.Message)
	}
	m := s.mem
	m.reason, m.on, m.failures = result.Reason, result.On, nil
	m.blocked, m.unserved = nil, 0
	if unservedKind.MatchString(result.Ready.Message) {
		m.unserved = r.recorder.definitions()
	}
	if m.rendered == nil || result.Objects != nil {
		m.rendered = map[finding.Ref]*render.Object{}
	}
	for _, o := range result.Objects {
		m.rendered[o.Ref()] = o
	}
	if result.Problem != "" {
		r.note("%s: %s", s.ref, result.Problem)
	}
	r.releaseRefusals(ctx, s, result)
	r.applies(result.Objects)
	if result.Again {
		m.resync = true
		r.clock++
	}
	return r.conclude(ctx, s, st, releasePhase(st, result))
}

func releasePhase(st *status, result ReleaseResult) phase {
	switch {
	case result.State == render.Rendered:
		return phaseDone
	case result.State == render.Unknown:
		return phaseUnknown
	case st.is(conditionStalled, "True"):
		return phaseStalled
	case storedFailure(result.Status):
		return phasePaused
	}
	return phaseFailed
}

// storedFailure reports whether the last attempt of a release got as far as
// storing a revision that failed: another attempt adds another revision.
func storedFailure(status map[string]any) bool {
	list, _ := status["history"].([]any)
	if len(list) == 0 {
		return false
	}
	latest, _ := list[0].(map[string]any)
	return text(latest["status"]) == "failed"
}

// finalizeRelease uninstalls the release of a HelmRelease that is being
// deleted. It reports whether that is over. A suspended one leaves everything
// as it is, one whose service account is gone its release.
func (r *replay) finalizeRelease(ctx context.Context, s *subject) (bool, error) {
	if s.suspended() {
		return true, nil
	}
	if r.opts.Releases != nil && r.releaseAccountExists(ctx, s) {
		st := statusOf(s.live)
		result, err := r.opts.Releases.Uninstall(ctx, r.releaseInput(s))
		if err != nil {
			return false, err
		}
		if notUninstalled(result) {
			r.note("%s stays: the release cannot be uninstalled: %s", s.ref, result.Ready.Message)
			return false, r.releaseEnds(ctx, s, st, result)
		}
		for _, e := range result.Events {
			r.event(s.ref, e.Type, e.Reason, e.Message)
		}
	}
	if chart, _, _ := unstructured.NestedString(s.live.Object, "status", "helmChart"); chart != "" {
		return true, r.deleteChart(ctx, s, chart)
	}
	return true, nil
}

func notUninstalled(result ReleaseResult) bool {
	return slices.ContainsFunc(result.Others, func(c NamedCondition) bool {
		return c.Type == "Released" && c.Reason == "UninstallFailed"
	})
}

// releaseAccountExists reports whether the service account of a HelmRelease is
// still there.
func (r *replay) releaseAccountExists(ctx context.Context, s *subject) bool {
	name := r.releaseAccount(s)
	return name == "" || r.cluster.read(ctx, finding.Ref{Kind: "ServiceAccount", Namespace: s.ref.Namespace, Name: name}) != nil
}
