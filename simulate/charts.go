package simulate

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// noSourceArtifact is the reason of a HelmChart whose source has stored nothing yet.
const noSourceArtifact = "NoSourceArtifact"

// reconcileChart lets source-controller pack the chart of a HelmChart object.
func (r *replay) reconcileChart(ctx context.Context, s *subject) error {
	s.mem.revision = r.chartOrigin(ctx, s)
	st := statusOf(s.live)
	if r.opts.Releases == nil {
		st.set(conditionReady, "Unknown", "Unknown", "charts are not replayed")
		s.mem.reason = "not-replayed"
		return r.conclude(ctx, s, st, phaseUnknown)
	}
	c := r.unpacked(ctx, s)
	if c.Failure == nil {
		c = r.opts.Releases.Chart(ctx, r.releaseInput(s))
	}
	if c.Failure != nil {
		return r.chartFails(ctx, s, st, c)
	}
	if c.Resolved > 0 {
		r.event(s.ref, "Normal", "ResolvedDependencies", fmt.Sprintf("resolved %d chart dependencies", c.Resolved))
	}
	if st.text("observedChartName") != c.Name || artifactRevision(s.live) != c.Revision {
		r.clock++
		r.event(s.ref, "Normal", c.Reason, c.Message)
	}
	st.fields["artifact"] = artifactStatus(s.ref, source.Artifact{Revision: c.Revision, Digest: c.Digest})
	st.fields["observedChartName"] = c.Name
	st.succeed(c.Reason, c.Message)
	st.set("ArtifactInStorage", "True", c.Reason, c.Message)
	st.drop("FetchFailed", "BuildFailed")
	return r.conclude(ctx, s, st, phaseDone)
}

func (r *replay) chartFails(ctx context.Context, s *subject, st *status, c ChartResult) error {
	s.mem.reason = kebab(c.Failure.Reason)
	if c.Unknown {
		st.observe()
		st.set(conditionReady, "Unknown", c.Failure.Reason, c.Failure.Message)
		return r.conclude(ctx, s, st, phaseUnknown)
	}
	st.drop("FetchFailed", "BuildFailed")
	if c.Stalled {
		st.stall(c.Failure.Reason, c.Failure.Message)
	} else {
		st.fail(c.Failure.Reason, c.Failure.Message)
	}
	if c.Kind != "" {
		st.set(c.Kind, "True", c.Failure.Reason, c.Failure.Message)
	}
	kind := "Warning"
	if c.Failure.Reason == noSourceArtifact {
		kind = "Normal"
	}
	r.event(s.ref, kind, c.Failure.Reason, c.Failure.Message)
	if c.Stalled {
		return r.conclude(ctx, s, st, phaseStalled)
	}
	return r.conclude(ctx, s, st, phaseFailed)
}

// unpacked is why a chart cannot be looked for: its source has no artifact, or
// the credentials of its repository or the keys of its signature are missing.
// Without Failure there is no obstacle.
func (r *replay) unpacked(ctx context.Context, s *subject) ChartResult {
	name := func(key string) string {
		v, _, _ := unstructured.NestedString(s.live.Object, "spec", "sourceRef", key)
		return v
	}
	ref := finding.Ref{Group: sourceGroup, Kind: name("kind"), Namespace: s.ref.Namespace, Name: name("name")}
	live := r.cluster.read(ctx, ref)
	if live == nil {
		return ChartResult{}
	}
	fails := func(reason, message string) ChartResult {
		return ChartResult{Kind: "FetchFailed", Failure: &render.Condition{Status: "False", Reason: reason, Message: message}}
	}
	if kind, _, _ := unstructured.NestedString(live.Object, "spec", "type"); ref.Kind == helmRepoKind.Kind && kind == "oci" {
		if f := r.credentials(ctx, &subject{ref: ref, live: live}); f != nil {
			return fails(f.Condition, f.Message)
		}
		if f := r.verification(ctx, s); f != nil {
			return ChartResult{Failure: &render.Condition{Status: "False", Reason: f.Condition, Message: f.Message}}
		}
		return ChartResult{}
	}
	if _, ok := r.artifacts[ref]; ok || r.failures[ref] != nil && r.failures[ref].Unknown {
		return ChartResult{}
	}
	return fails(noSourceArtifact, fmt.Sprintf("no artifact available for %s source '%s'", ref.Kind, ref.Name))
}
