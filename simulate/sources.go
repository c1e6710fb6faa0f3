package simulate

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// world gives renderers the artifacts that the sources have stored.
type world struct{ replay *replay }

func worldOf(r *replay) render.Sources { return world{r} }

// Artifact implements render.Sources: the last good artifact of a source, even
// when the source is not ready any more.
func (w world) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	if a, ok := w.replay.artifacts[ref]; ok {
		return a, nil
	}
	if w.replay.cluster.read(ctx, ref) == nil {
		return source.Artifact{}, render.NoSource(ref)
	}
	if f := w.replay.failures[ref]; f != nil {
		return source.Artifact{}, f
	}
	return source.Artifact{}, render.NoSource(ref)
}

// Chart implements render.Sources.
func (w world) Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	obj := w.replay.cluster.read(ctx, ref)
	if obj == nil {
		return source.Chart{}, render.NoSource(ref)
	}
	from := origin{sources: w.replay.step.input.Sources, object: obj}
	if stored, ok := w.replay.origins[ref]; ok {
		from = stored
	}
	return from.sources.Chart(ctx, source.ChartRequest{Source: from.object, Chart: chart, Version: version}, w.replay.getter(ctx))
}

// origin is what the artifact that a source has stored was made from. A source
// that is suspended or fails keeps it.
type origin struct {
	sources *source.Set
	object  *unstructured.Unstructured
}

func (r *replay) getter(ctx context.Context) source.Getter {
	return func(ref finding.Ref) *unstructured.Unstructured { return r.cluster.read(ctx, ref) }
}

// sources lets source-controller look at the sources that have a reason to be
// looked at: all of them when a step begins.
func (r *replay) sources(ctx context.Context, first bool) error {
	for _, gk := range sourceKinds {
		k, _ := kindOf(finding.Ref{Group: gk.Group, Kind: gk.Kind})
		for _, s := range r.subjects(ctx, k) {
			if s.deleting() || !r.step.input.Settings.Watches(s.live) || !first && !r.sourceDue(ctx, s) {
				continue
			}
			if err := r.reconcileSource(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replay) sourceDue(ctx context.Context, s *subject) bool {
	m := s.mem
	switch {
	case m.phase == phaseNew || s.changed() || m.resync:
		return true
	case s.ref.Kind == helmChartKind.Kind && m.revision != r.chartOrigin(ctx, s):
		// A source that goes wakes no HelmChart.
		return r.chartOrigin(ctx, s) != "" || m.phase != phaseDone || r.opts.Emulate.Intervals
	}
	return m.phase != phaseDone && m.phase != phaseStalled && m.moment != r.moment()
}

// chartOrigin is the revision of the artifact that a HelmChart is taken from.
func (r *replay) chartOrigin(ctx context.Context, s *subject) string {
	return r.revisionFor(ctx, &subject{ref: finding.Ref{Kind: kustomizationKind.Kind, Namespace: s.ref.Namespace}, live: s.live, mem: s.mem})
}

func (r *replay) reconcileSource(ctx context.Context, s *subject) error {
	m := s.mem
	s.notice()
	m.resync = false
	if kind, _, _ := unstructured.NestedString(s.live.Object, "spec", "type"); s.ref.Kind == helmRepoKind.Kind && kind == "oci" {
		m.phase = phaseDone
		return r.leaveStatic(ctx, s)
	}
	if err := r.cluster.hold(ctx, s.live); err != nil {
		return err
	}
	if s.suspended() {
		m.phase = phaseDone
		return r.observeSuspended(ctx, s)
	}
	if s.ref.Kind == helmChartKind.Kind {
		return r.reconcileChart(ctx, s)
	}
	st := statusOf(s.live)
	failure := r.credentials(ctx, s)
	var a source.Artifact
	if failure == nil {
		a, failure = r.step.input.Sources.Artifact(ctx, s.live, r.getter(ctx))
	}
	if failure == nil || failure.Unknown {
		// Without its keys a source is not ready, whatever it holds.
		failure = cmp.Or(r.verification(ctx, s), failure)
	}
	if failure != nil {
		return r.sourceFails(ctx, s, st, failure)
	}
	old, ok := r.artifacts[s.ref]
	if !ok || old.Revision != a.Revision || old.Digest != a.Digest {
		r.clock++
	}
	if !ok || old.Digest != a.Digest {
		r.event(s.ref, "Normal", "NewArtifact", announced(s.live, a))
	}
	r.artifacts[s.ref] = a
	r.origins[s.ref] = origin{sources: r.step.input.Sources, object: s.live.DeepCopy()}
	delete(r.failures, s.ref)
	st.fields["artifact"] = artifactStatus(s.ref, a)
	message := stored(s.ref.Kind, a.Revision)
	st.succeed("Succeeded", message)
	st.set("ArtifactInStorage", "True", "Succeeded", message)
	st.drop("FetchFailed", "SourceVerified")
	return r.conclude(ctx, s, st, phaseDone)
}

// leaveStatic takes away what source-controller, or the default of the definition,
// has written into a HelmRepository of a registry: such an object is only read by
// others, and counts as healthy without a status.
func (r *replay) leaveStatic(ctx context.Context, s *subject) error {
	if s.suspended() {
		return nil
	}
	delete(r.artifacts, s.ref)
	delete(r.origins, s.ref)
	delete(r.failures, s.ref)
	if err := r.cluster.release(ctx, s.live); err != nil {
		return err
	}
	st := statusOf(s.live)
	if len(st.fields) == 0 && len(st.conditions) == 0 {
		return nil
	}
	clear(st.fields)
	clear(st.conditions)
	r.clock++ // whoever waits for it may find it ready now
	return r.cluster.commit(ctx, st)
}

// stored is the message of a source that has an artifact.
func stored(kind, revision string) string {
	switch kind {
	case "GitRepository":
		return fmt.Sprintf("stored artifact for revision '%s'", revision)
	case "OCIRepository":
		return fmt.Sprintf("stored artifact for digest '%s'", revision)
	}
	return fmt.Sprintf("stored artifact: revision '%s'", revision)
}

// announced is the message of the event for a new artifact. How big the index of
// a Helm repository is, nobody knows who does not fetch it.
func announced(obj *unstructured.Unstructured, a source.Artifact) string {
	url, _, _ := unstructured.NestedString(obj.Object, "spec", "url")
	switch obj.GetKind() {
	case "GitRepository":
		if a.Subject == "" {
			return fmt.Sprintf("stored artifact for commit '%s'", a.Revision)
		}
		return fmt.Sprintf("stored artifact for commit '%s'", shortened(a.Subject))
	case "OCIRepository":
		return fmt.Sprintf("stored artifact with revision '%s' from '%s'", a.Revision, url)
	case helmRepoKind.Kind:
		return fmt.Sprintf("stored fetched index of unknown size from '%s'", url)
	}
	return stored(obj.GetKind(), a.Revision)
}

// shortened is the subject of a commit as Flux writes it.
func shortened(subject string) string {
	const most = 50 // runes
	if r := []rune(subject); len(r) > most {
		return string(r[:most]) + "..."
	}
	return subject
}

// artifactStatus is an artifact as the status of its source holds it.
func artifactStatus(ref finding.Ref, a source.Artifact) map[string]any {
	path := fmt.Sprintf("%s/%s/%s/%s.tar.gz", strings.ToLower(ref.Kind), ref.Namespace, ref.Name, a.Digest)
	out := map[string]any{
		"revision": a.Revision, "digest": a.Digest, "path": path, "lastUpdateTime": epoch,
		"url": "http://source-controller.flux-system.svc.cluster.local./" + path,
	}
	if a.OriginRevision != "" {
		out["metadata"] = map[string]any{"org.opencontainers.image.revision": a.OriginRevision}
	}
	return out
}

// sourceFails writes that a source yields nothing new. The artifact that it
// has stored before stays in use.
func (r *replay) sourceFails(ctx context.Context, s *subject, st *status, f *source.Failure) error {
	r.failures[s.ref] = f
	s.mem.reason = f.Reason
	if f.Unknown {
		st.set(conditionReady, "Unknown", "Unknown", f.Message)
		st.observe()
		return r.conclude(ctx, s, st, phaseUnknown)
	}
	reason := f.Condition
	if reason == "" {
		reason = "FetchFailed"
	}
	phase := phaseFailed
	if st.fail(reason, f.Message); f.Stalled {
		st.stall(reason, f.Message)
		phase = phaseStalled
	}
	st.drop("FetchFailed", "SourceVerified")
	if reason == verificationError {
		st.set("SourceVerified", "False", reason, f.Message)
	} else {
		st.set("FetchFailed", "True", reason, f.Message)
	}
	severity := "Warning"
	if f.Reason == source.ReasonInclude && reason != "CopyFailure" {
		severity = "Normal"
	}
	r.event(s.ref, severity, reason, f.Message)
	return r.conclude(ctx, s, st, phase)
}

func artifactRevision(u *unstructured.Unstructured) string {
	rev, _, _ := unstructured.NestedString(u.Object, "status", "artifact", "revision")
	return rev
}
