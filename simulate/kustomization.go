package simulate

import (
	"context"
	"fmt"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// attempt is one reconciliation of a Kustomization.
type attempt struct {
	subject *subject
	k       *kustomizev1.Kustomization
	status  *status
	result  render.Result
	changes *ssa.ChangeSet
	drifted bool
	writes  int // to the cluster before it, by anybody
	// recovers says that it is worth an event if all is healthy in the end: it was
	// not before, or a new revision has changed something.
	recovers bool
}

// reconcileKustomization does what kustomize-controller does with a
// Kustomization whose source and dependencies are ready.
func (r *replay) reconcileKustomization(ctx context.Context, s *subject) error {
	k, err := kustomizationOf(s.live)
	if err != nil {
		return r.hinder(ctx, s, obstacle{reason: "ReconciliationFailed", code: "invalid-object", message: err.Error()})
	}
	a := &attempt{subject: s, k: k, status: statusOf(s.live), writes: r.recorder.count()}
	a.result = r.render(ctx, s)
	s.mem.failures, s.mem.blocked = nil, nil
	if !operated(s.ref) {
		a.status.fields["lastAttemptedRevision"] = s.mem.revision
	}
	if s.remote() && a.result.Ready.Reason != "ArtifactFailed" {
		if message := r.kubeConfigError(ctx, s); message != "" {
			return r.fails(ctx, a, "ReconciliationFailed", message)
		}
	}
	switch {
	case a.result.State == render.Failed || a.result.State == render.Blocked:
		return r.notRendered(ctx, a)
	case a.result.State == render.Unknown:
		return r.unknown(ctx, a)
	case s.remote():
		return r.elsewhere(ctx, s, a.status)
	}
	r.keepRendered(s, a.result)
	if err := r.apply(ctx, a); err != nil {
		return r.applyFailed(ctx, a, err)
	}
	old := inventoryOf(a.k.Status.Inventory)
	a.status.fields["inventory"] = inventoryStatus(a.changes)
	if err := r.prune(ctx, a, old); err != nil {
		return r.fails(ctx, a, "PruneFailed", err.Error())
	}
	return r.checkHealth(ctx, a)
}

// render renders a subject with the cluster as it is.
func (r *replay) render(ctx context.Context, s *subject) render.Result {
	renderer := r.step.renderer[groupKind(s.ref)]
	if renderer == nil {
		return render.Result{State: render.Unknown, Reason: "no-renderer"}
	}
	r.cluster.lapse()
	return renderer.Render(ctx, render.Input{
		Object: r.object(s), Settings: r.step.input.Settings, Cluster: r.cluster, Sources: worldOf(r), Revision: 1,
	})
}

func (r *replay) keepRendered(s *subject, result render.Result) {
	s.mem.rendered = map[finding.Ref]*render.Object{}
	for _, o := range result.Applies {
		s.mem.rendered[o.Ref()] = o
	}
}

// notRendered reports a build that fails, as the renderer words it.
func (r *replay) notRendered(ctx context.Context, a *attempt) error {
	reason, message := a.result.Ready.Reason, a.result.Ready.Message
	if reason == "" {
		reason = "BuildFailed"
	}
	if message == "" && len(a.result.Problems) > 0 {
		message = a.result.Problems[0].Message
	}
	if reason == "ArtifactFailed" {
		delete(a.status.fields, "lastAttemptedRevision")
		if have := a.k.Status.LastAttemptedRevision; have != "" {
			a.status.fields["lastAttemptedRevision"] = have
		}
	}
	a.subject.mem.reason = a.result.Reason
	return r.fails(ctx, a, reason, message)
}

// unknown leaves a Kustomization alone whose objects cannot be known here.
func (r *replay) unknown(ctx context.Context, a *attempt) error {
	message := a.result.Ready.Message
	if message == "" && len(a.result.Problems) > 0 {
		message = a.result.Problems[0].Message
	}
	a.status.set(conditionReady, "Unknown", "Unknown", message)
	a.subject.mem.reason = a.result.Reason
	return r.conclude(ctx, a.subject, a.status, phaseUnknown)
}

// fails ends an attempt with an error.
func (r *replay) fails(ctx context.Context, a *attempt, reason, message string) error {
	if a.subject.mem.reason == "" {
		a.subject.mem.reason = kebab(reason)
	}
	a.status.fail(reason, message)
	r.event(a.subject.ref, "Warning", reason, strings.TrimSpace(message))
	return r.conclude(ctx, a.subject, a.status, phaseFailed)
}

// succeeds ends an attempt well.
func (r *replay) succeeds(ctx context.Context, a *attempt) error {
	m := a.subject.mem
	m.reason, m.on = "", nil
	if operated(a.subject.ref) {
		a.status.succeed("ReconciliationSucceeded", "Reconciliation finished in 0s")
		r.event(a.subject.ref, "Normal", "ReconciliationSucceeded", "Reconciliation finished in 0s")
		return r.conclude(ctx, a.subject, a.status, phaseDone)
	}
	a.status.fields["lastAppliedRevision"] = a.status.text("lastAttemptedRevision")
	a.status.succeed("ReconciliationSucceeded", "Applied revision: "+a.status.text("lastAttemptedRevision"))
	r.event(a.subject.ref, "Normal", "ReconciliationSucceeded",
		fmt.Sprintf("Reconciliation finished in 0s, next run in %s", a.k.Spec.Interval.Duration))
	return r.conclude(ctx, a.subject, a.status, phaseDone)
}
