package release

import (
	"fmt"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	fluxmeta "github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage is how many bytes of a message the API takes.
const maxMessage = 32768

// mark sets a condition of the HelmRelease for its present generation.
func (r *run) mark(name string, status metav1.ConditionStatus, reason, message string) {
	if len(message) > maxMessage {
		message = message[:maxMessage-3] + "..."
	}
	meta.SetStatusCondition(&r.hr.Status.Conditions, metav1.Condition{
		Type: name, Status: status, Reason: reason, Message: message, ObservedGeneration: r.hr.Generation,
	})
}

func (r *run) markTrue(name, reason, message string) {
	r.mark(name, metav1.ConditionTrue, reason, message)
}

func (r *run) markFalse(name, reason, message string) {
	r.mark(name, metav1.ConditionFalse, reason, message)
}

func (r *run) markUnknown(name, reason, message string) {
	r.mark(name, metav1.ConditionUnknown, reason, message)
}

func (r *run) unmark(name string) { meta.RemoveStatusCondition(&r.hr.Status.Conditions, name) }

// has returns the condition, or nil.
func (r *run) has(name string) *metav1.Condition {
	return meta.FindStatusCondition(r.hr.Status.Conditions, name)
}

func (r *run) isTrue(name string) bool {
	return meta.IsStatusConditionTrue(r.hr.Status.Conditions, name)
}

// stall says that the controller gives up until something changes.
func (r *run) stall(reason, message string) {
	r.markTrue(fluxmeta.StalledCondition, reason, message)
}

func (r *run) stallOutOfRetries() {
	var failures int64
	if remediation := r.hr.GetActiveRemediation(); remediation != nil {
		failures = remediation.GetFailureCount(r.hr)
	}
	r.stall("RetriesExceeded", fmt.Sprintf("Failed to %s after %d attempt(s)", r.hr.Status.LastAttemptedReleaseAction, failures))
}

// forgetRemediation replaces the condition of a remediation that has led to
// what is desired now.
func (r *run) forgetRemediation() {
	if r.isTrue(v2.RemediatedCondition) {
		r.unmark(v2.RemediatedCondition)
		r.markTrue(v2.ReleasedCondition, v2.UpgradeSucceededReason, succeeded("upgrade", r.hr.Status.History.Latest()))
	}
}

// summarize makes the Ready condition of the conditions of the actions.
func (r *run) summarize() {
	test := r.hr.GetTest()
	if !test.Enable {
		r.unmark(v2.TestSuccessCondition)
	}
	if len(r.hr.Status.Conditions) == 0 {
		return
	}
	var top metav1.Condition
	for _, name := range []string{v2.RemediatedCondition, v2.TestSuccessCondition, v2.ReleasedCondition} {
		c := r.has(name)
		if c == nil || name == v2.TestSuccessCondition && test.IgnoreFailures {
			continue
		}
		if top.Type == "" || c.ObservedGeneration > top.ObservedGeneration {
			top = *c
		}
	}
	if top.Type != "" {
		ready := top.Status
		if top.Type == v2.RemediatedCondition {
			ready = metav1.ConditionFalse
		}
		if ready == metav1.ConditionTrue {
			r.unmark(fluxmeta.StalledCondition)
		}
		r.mark(fluxmeta.ReadyCondition, ready, top.Reason, top.Message)
	}
	r.hr.Status.ObservedPostRenderersDigest, r.hr.Status.ObservedCommonMetadataDigest = r.postRenderingDigests()
}
