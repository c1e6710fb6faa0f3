package simulate

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// generatorLabel names the generator of an ExternalArtifact by its uid.
const generatorLabel = "source.extensions.fluxcd.io/generator"

// generators lets source-watcher compose the artifacts of ArtifactGenerators
// that have a reason to be looked at.
func (r *replay) generators(ctx context.Context) error {
	k, _ := kindOf(finding.Ref{Group: generatorGroup, Kind: generatorKind.Kind})
	for _, s := range r.subjects(ctx, k) {
		if s.deleting() || r.step.renderer[generatorKind] == nil || !r.step.input.Settings.Watches(s.live) {
			continue
		}
		if strings.EqualFold(s.live.GetAnnotations()[generatorPause], "disabled") {
			if err := r.pauseGenerator(ctx, s); err != nil {
				return err
			}
			continue
		}
		inputs := r.generatorInputs(ctx, s)
		m := s.mem
		due := m.phase == phaseNew || s.changed() || m.resync || m.revision != inputs ||
			m.phase != phaseDone && m.moment != r.moment()
		if !due {
			continue
		}
		s.notice()
		m.resync, m.revision = false, inputs
		if err := r.cluster.hold(ctx, s.live); err != nil {
			return err
		}
		if err := r.generate(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// generatorPause is the annotation whose value "disabled" keeps source-watcher
// from an ArtifactGenerator.
const generatorPause = "source.extensions.fluxcd.io/reconcile"

// pauseGenerator does what source-watcher does with an ArtifactGenerator that
// is paused from its beginning. One that is paused later keeps its status.
func (r *replay) pauseGenerator(ctx context.Context, s *subject) error {
	if s.mem.phase != phaseNew {
		return nil
	}
	if err := r.cluster.hold(ctx, s.live); err != nil {
		return err
	}
	st := statusOf(s.live)
	st.succeed("ReconciliationDisabled", "Initialized with reconciliation suspended")
	return r.conclude(ctx, s, st, phaseDone)
}

// generatorInputs tells the revisions of the sources of a generator.
func (r *replay) generatorInputs(ctx context.Context, s *subject) string {
	list, _, _ := unstructured.NestedSlice(s.live.Object, "spec", "sources")
	var out []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		ref := finding.Ref{Group: sourceGroup, Kind: text(m["kind"]), Namespace: text(m["namespace"]), Name: text(m["name"])}
		if ref.Namespace == "" {
			ref.Namespace = s.ref.Namespace
		}
		if u := r.cluster.read(ctx, ref); u != nil {
			digest, _, _ := unstructured.NestedString(u.Object, "status", "artifact", "digest")
			out = append(out, ref.String()+"="+artifactRevision(u)+"@"+digest)
		}
	}
	return joined(out)
}

func (r *replay) generate(ctx context.Context, s *subject) error {
	result := r.render(ctx, s)
	st := statusOf(s.live)
	var kept []finding.Ref
	var changed []string
	for _, o := range result.Applies {
		ref := o.Ref()
		kept = append(kept, ref)
		if a, ok := result.Artifacts[ref]; ok {
			old, ok := r.artifacts[ref]
			if err := r.storeExternal(ctx, s, o, a); err != nil {
				return err
			}
			if !ok || old.Digest != a.Digest {
				r.turns[ref] = turn{s.ref, len(changed) + 1}
				changed = append(changed, fmt.Sprintf("%s/%s (%s)", ref.Namespace, ref.Name, a.Digest))
				r.event(s.ref, "Normal", conditionReady, fmt.Sprintf("%s/%s/%s reconciled with revision %s", ref.Kind, ref.Namespace, ref.Name, a.Revision))
			}
		}
	}
	s.mem.reason = result.Reason
	switch result.State {
	case render.Failed, render.Blocked:
		st.fail(result.Ready.Reason, result.Ready.Message)
		st.observe()
		r.event(s.ref, "Warning", result.Ready.Reason, result.Ready.Message)
		return r.conclude(ctx, s, st, phaseFailed)
	case render.Unknown:
		st.set(conditionReady, "Unknown", "Unknown", result.Ready.Message)
		return r.conclude(ctx, s, st, phaseUnknown)
	}
	if err := r.removeExternal(ctx, s, kept); err != nil {
		return err
	}
	st.succeed("Succeeded", fmt.Sprintf("reconciliation succeeded, generated %d artifact(s)", len(kept)))
	r.event(s.ref, "Normal", conditionReady, st.ready().Message)
	if len(changed) > 0 {
		r.event(s.ref, "Normal", conditionReady, "external artifacts reconciled: "+strings.Join(changed, "\n"))
	}
	return r.conclude(ctx, s, st, phaseDone)
}

// storeExternal writes an ExternalArtifact and its artifact.
func (r *replay) storeExternal(ctx context.Context, s *subject, o *render.Object, a source.Artifact) error {
	ref := o.Ref()
	u := o.Unstructured.DeepCopy()
	unstructured.RemoveNestedField(u.Object, "status")
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["app.kubernetes.io/managed-by"] = sourceWatcher
	labels[generatorLabel] = string(s.live.GetUID())
	u.SetLabels(labels)
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if err := r.cluster.plain.Patch(ctx, u, client.Apply, client.FieldOwner(sourceWatcher), client.ForceOwnership); err != nil {
		return fmt.Errorf("write %s: %w", ref, err)
	}
	st := statusOf(u)
	st.fields["artifact"] = artifactStatus(ref, a)
	st.set(conditionReady, "True", "Succeeded", "Artifact is ready")
	if old, ok := r.artifacts[ref]; !ok || old.Digest != a.Digest || old.Revision != a.Revision {
		r.clock++
	}
	r.artifacts[ref] = a
	r.applies([]*render.Object{o})
	r.remember(ref).phase = phaseDone
	return r.cluster.commit(ctx, st)
}
