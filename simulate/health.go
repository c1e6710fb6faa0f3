package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/event"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/cli-utils/pkg/object"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	runtimereaders "github.com/fluxcd/pkg/runtime/statusreaders"
	"github.com/fluxcd/pkg/ssa"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// healthWait is a Kustomization that has applied everything and waits.
type healthWait struct {
	attempt  *attempt
	ids      []object.ObjMetadata
	deadline int64 // on the clock of the replay, in seconds
}

// health is what is known of the objects that somebody waits for.
type health struct {
	pending []string // neither current nor failed, as the controller lists them
	failed  []string
	on      []finding.Ref
	invalid error // the list of objects itself is wrong
	late    bool  // the time is up
}

// cause says what is wrong, as the controller words it.
func (h health) cause() string {
	switch {
	case h.invalid != nil:
		return h.invalid.Error()
	case h.late:
		all := append(slices.Clone(h.pending), h.failed...)
		slices.Sort(all)
		return "timeout waiting for: [" + strings.Join(all, ", ") + "]"
	}
	return "failed early due to stalled resources: [" + strings.Join(h.failed, ", ") + "]"
}

// checkHealth ends an attempt, or leaves it waiting for the objects it applied.
func (r *replay) checkHealth(ctx context.Context, a *attempt) error {
	ids, err := a.awaited()
	if err != nil {
		return r.fails(ctx, a, "HealthCheckFailed", err.Error())
	}
	if len(ids) == 0 {
		a.status.drop(conditionHealthy)
		return r.succeeds(ctx, a)
	}
	revision := a.status.text("lastAttemptedRevision")
	a.recovers = !a.status.is(conditionHealthy, "True") || a.drifted && a.status.text("lastAppliedRevision") != revision
	w := &healthWait{attempt: a, ids: ids, deadline: r.now + int64(a.k.GetTimeout().Seconds())}
	if done, err := r.tryHealth(ctx, w); done || err != nil {
		return err
	}
	message := fmt.Sprintf("Running health checks for revision %s with a timeout of %s", revision, a.k.GetTimeout())
	a.status.set(conditionReady, "Unknown", "Progressing", "Reconciliation in progress")
	a.status.set(conditionReconciling, "True", "Progressing", message)
	a.status.set(conditionHealthy, "Unknown", "Progressing", message)
	a.subject.mem.waiting = w
	return r.conclude(ctx, a.subject, a.status, phaseWaiting)
}

// awaited lists the objects that a Kustomization waits for, never itself.
func (a *attempt) awaited() ([]object.ObjMetadata, error) {
	var ids []object.ObjMetadata
	switch {
	case a.k.Spec.Wait:
		for _, e := range a.changes.Entries {
			if e.Action != ssa.SkippedAction {
				ids = append(ids, e.ObjMetadata)
			}
		}
	default:
		for _, c := range a.k.Spec.HealthChecks {
			gv, err := schema.ParseGroupVersion(c.APIVersion)
			if err != nil {
				return nil, err
			}
			if c.APIVersion == "" {
				gv.Group = "apps"
			}
			ids = append(ids, object.ObjMetadata{Namespace: c.Namespace, Name: c.Name, GroupKind: gv.WithKind(c.Kind).GroupKind()})
		}
	}
	return slices.DeleteFunc(ids, func(id object.ObjMetadata) bool {
		return id.GroupKind.Kind == kustomizev1.KustomizationKind && id.Name == a.k.Name && id.Namespace == a.k.Namespace
	}), nil
}

// tryHealth looks once; it reports whether the attempt has ended.
func (r *replay) tryHealth(ctx context.Context, w *healthWait) (bool, error) {
	a := w.attempt
	h, err := r.observe(ctx, w)
	if err != nil {
		return false, err
	}
	switch {
	case h.invalid != nil:
		return true, r.unhealthy(ctx, w, h)
	case len(h.failed) > 0 && !r.step.input.Settings.DisableFailFast:
		// The first one that the controller comes across ends the wait.
		h.failed = h.failed[:1]
		return true, r.unhealthy(ctx, w, h)
	case len(h.pending) > 0:
		return false, nil
	case len(h.failed) > 0:
		return true, r.unhealthy(ctx, w, h)
	}
	if a.recovers {
		r.event(a.subject.ref, "Normal", "Progressing", "Health check passed in 0s")
	}
	a.status.set(conditionHealthy, "True", "Succeeded", "Health check passed in 0s")
	a.subject.mem.waiting = nil
	return true, r.succeeds(ctx, a)
}

// unhealthy ends an attempt whose objects are not as they should be. After a
// time-out the controller starts over at once, so the condition stays unknown.
func (r *replay) unhealthy(ctx context.Context, w *healthWait, h health) error {
	a := w.attempt
	a.subject.mem.waiting, a.subject.mem.reason, a.subject.mem.on = nil, "health-check-failed", h.on
	if !h.late {
		a.status.set(conditionHealthy, "False", "HealthCheckFailed", h.cause())
	}
	return r.fails(ctx, a, "HealthCheckFailed", fmt.Sprintf("health check failed after %s: %s", a.k.GetTimeout(), h.cause()))
}

// waiters looks at the health of everything that somebody waits for.
func (r *replay) waiters(ctx context.Context) error {
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if s.mem.phase != phaseWaiting || s.deleting() {
			continue
		}
		r.recorder.act(s.ref)
		if _, err := r.tryHealth(ctx, s.mem.waiting); err != nil {
			return err
		}
	}
	return nil
}

// timeout ends the wait whose time is up first, since nothing else can happen
// any more. It reports whether there was one.
func (r *replay) timeout(ctx context.Context) (bool, error) {
	var first *subject
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if s.mem.phase == phaseWaiting && !s.deleting() && (first == nil || s.mem.waiting.deadline < first.mem.waiting.deadline) {
			first = s
		}
	}
	if first == nil {
		return false, nil
	}
	w := first.mem.waiting
	r.now = max(r.now, w.deadline)
	h, err := r.observe(ctx, w)
	if err != nil {
		return false, err
	}
	h.late = true
	return true, r.unhealthy(ctx, w, h)
}

// observe computes the state of every awaited object once.
func (r *replay) observe(ctx context.Context, w *healthWait) (health, error) {
	cl, err := r.cluster.as(r.userOf(w.attempt.k))
	if err != nil {
		return health{}, err
	}
	readers, err := r.statusReaders(w.attempt.k)
	if err != nil {
		return health{invalid: err}, nil
	}
	source := &clusterreader.DirectClusterReader{Reader: cl}
	ttl := ssautils.ExtractJobsWithTTL(unstructuredOf(w.attempt))
	var h health
	for _, id := range w.ids {
		if err := r.addressable(id); err != nil {
			return health{invalid: err}, nil
		}
		ref := refOfID(id)
		if r.presumed(ctx, ref) {
			continue
		}
		state, cause := kstatus.UnknownStatus, error(nil)
		var rs *event.ResourceStatus
		err := r.expressed(ctx, w.attempt.subject.ref, "/spec/healthCheckExprs", func(ctx context.Context) (err error) {
			rs, err = readerOf(readers, id).ReadStatus(ctx, source, id)
			return err
		})
		if r.endless != nil {
			return health{}, r.endless
		}
		if err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			return health{}, err
		}
		if rs != nil {
			state, cause = rs.Status, rs.Error
		}
		if state == kstatus.CurrentStatus || state == kstatus.NotFoundStatus && ttl.Contains(id) || r.unattended(ctx, ref, w.attempt.k.Spec.HealthCheckExprs) {
			continue
		}
		line := fmt.Sprintf("%s status: '%s'", ssautils.FmtObjMetadata(id), state)
		if cause != nil {
			line += ": " + cause.Error()
		}
		h.on = append(h.on, ref)
		if state == kstatus.FailedStatus {
			h.failed = append(h.failed, line)
		} else {
			h.pending = append(h.pending, line)
		}
	}
	return h, nil
}

func unstructuredOf(a *attempt) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range a.result.Applies {
		out = append(out, o.Unstructured)
	}
	return out
}

// addressable refuses a namespaced object without a namespace.
func (r *replay) addressable(id object.ObjMetadata) error {
	m, err := r.cluster.mapper.RESTMapping(id.GroupKind)
	if err == nil && m.Scope.Name() == meta.RESTScopeNameNamespace && id.Namespace == "" {
		return fmt.Errorf("resource %s %s is namespace scoped, but namespace is not set", id.GroupKind, id.Name)
	}
	return nil
}

// statusReaders are the readers of kustomize-controller in order of precedence.
func (r *replay) statusReaders(k *kustomizev1.Kustomization) ([]engine.StatusReader, error) {
	mapper := r.cluster.mapper
	readers := []engine.StatusReader{runtimereaders.NewCustomJobStatusReader(mapper)}
	if len(k.Spec.HealthCheckExprs) > 0 {
		custom, err := cel.NewStatusReader(k.Spec.HealthCheckExprs)
		if err != nil {
			return nil, err
		}
		readers = append(readers, custom(mapper))
	}
	return append(readers, statusreaders.NewDefaultStatusReader(mapper)), nil
}

func readerOf(readers []engine.StatusReader, id object.ObjMetadata) engine.StatusReader {
	for _, reader := range readers {
		if reader.Supports(id.GroupKind) {
			return reader
		}
	}
	return readers[len(readers)-1]
}
