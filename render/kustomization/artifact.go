package kustomization

import (
	"fmt"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// findArtifact resolves the source in the order of the controller: access, then
// existence, then the artifact. A nil result means success.
func (j *job) findArtifact() *render.Result {
	ref := sourceRef(j.in.Object)
	if res := j.deny(ref); res != nil {
		return res
	}
	artifact, failure := j.in.Sources.Artifact(j.ctx, ref)
	if failure == nil {
		j.artifact = artifact
		return nil
	}
	if failure.Reason == source.ReasonNotFound {
		text := fmt.Sprintf("%s.%s %q not found", ref.Kind, ref.Group, ref.Name)
		return j.refuse("ArtifactFailed", finding.Problem{
			Reason: failure.Reason, Field: "/spec/sourceRef", Message: text,
			Hint: fmt.Sprintf("declare %s %q in namespace %q, or correct spec.sourceRef", ref.Kind, ref.Name, ref.Namespace),
		})
	}
	problem := failure.Problem
	if problem.Pos.IsZero() {
		problem.Pos = j.in.Object.At("/spec/sourceRef")
	}
	if problem.Object.IsZero() {
		problem.Object = ref
	}
	if failure.Unknown {
		return &render.Result{State: render.Unknown, Reason: problem.Reason, Problems: []finding.Problem{problem}}
	}
	// The controller of the Kustomization sees no reason, only that there is no artifact.
	return &render.Result{
		State: render.Failed, Reason: problem.Reason, Problems: []finding.Problem{problem},
		Ready: render.Condition{Status: "False", Reason: "ArtifactFailed", Message: "Source artifact not found, retrying in 30s"},
	}
}

// deny refuses what the controller may not use or does not know.
func (j *job) deny(ref finding.Ref) *render.Result {
	name := fmt.Sprintf("%s/%s/%s", ref.Kind, ref.Namespace, ref.Name)
	switch {
	case j.in.Settings.NoCrossNamespaceRefs && ref.Namespace != j.in.Object.GetNamespace():
		return j.refuse("AccessDenied", finding.Problem{
			Reason: "source-access-denied", Field: "/spec/sourceRef/namespace",
			Message: fmt.Sprintf("can't access '%s', cross-namespace references have been blocked", name),
			Hint:    fmt.Sprintf("use a source in namespace %q", j.in.Object.GetNamespace()),
		})
	case ref.Kind == "ExternalArtifact" && !j.in.Settings.ExternalArtifact:
		return j.refuse("AccessDenied", finding.Problem{
			Reason: "source-access-denied", Field: "/spec/sourceRef/kind",
			Message: fmt.Sprintf("can't access '%s', ExternalArtifact feature gate is disabled", name),
			Hint:    "add --feature-gates=ExternalArtifact=true to the arguments of kustomize-controller",
		})
	}
	switch ref.Kind {
	case "GitRepository", "OCIRepository", "Bucket", "ExternalArtifact":
		return nil
	}
	return j.refuse("ArtifactFailed", finding.Problem{
		Reason: "source-kind", Field: "/spec/sourceRef/kind",
		Message: fmt.Sprintf("source `%s` kind '%s' not supported", ref.Name, ref.Kind),
		Hint:    "use GitRepository, OCIRepository, Bucket or ExternalArtifact",
	})
}

// refuse is a failure about a field of the Flux Kustomization itself.
func (j *job) refuse(condition string, p finding.Problem) *render.Result {
	p.Object = j.in.Object.Ref()
	p.Pos = j.in.Object.At(p.Field)
	return &render.Result{
		State: render.Failed, Reason: p.Reason, Problems: append(j.problems, p),
		Ready: render.Condition{Status: "False", Reason: condition, Message: p.Message},
	}
}
