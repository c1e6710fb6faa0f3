package render

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// Selects reports whether an instance of the controller looks at an object. A
// selector that cannot be read selects nothing, as its controller does not start.
func (w Watch) Selects(u *unstructured.Unstructured) bool {
	if w.Off || w.Namespace != "" && w.Namespace != u.GetNamespace() {
		return false
	}
	for _, text := range w.Selectors {
		selector, err := labels.Parse(text)
		if err == nil && selector.Matches(labels.Set(u.GetLabels())) {
			return true
		}
	}
	return len(w.Selectors) == 0
}

// Watches reports whether an instance of its controller looks at a Flux object.
func (s Settings) Watches(u *unstructured.Unstructured) bool {
	switch u.GroupVersionKind().Group {
	case "kustomize.toolkit.fluxcd.io":
		return s.Watch.Selects(u)
	case "helm.toolkit.fluxcd.io":
		return s.HelmWatch.Selects(u)
	case "source.toolkit.fluxcd.io":
		return u.GetKind() == "ExternalArtifact" || s.SourceWatch.Selects(u)
	case "source.extensions.fluxcd.io":
		return s.WatcherWatch.Selects(u)
	}
	return true
}

// ReasonUnwatched is that of an object that no instance of its controller looks at.
const ReasonUnwatched = "not-watched"

// unwatched blocks a Flux object that no instance of its controller looks at:
// it gets no status at all.
func unwatched(in Input, res Result) Result {
	if in.Settings.Watches(in.Object.Unstructured) {
		return res
	}
	res.State, res.Reason, res.Ready = Blocked, ReasonUnwatched, Condition{}
	if res.Artifacts != nil {
		// Nothing composes the artifacts, so nothing can be rendered from them.
		res.Artifacts, res.Applies = nil, nil
	}
	res.Problems = []finding.Problem{{
		Reason: ReasonUnwatched, Object: in.Object.Ref(), Field: "/metadata/labels", Pos: in.Object.At("/metadata/labels"),
		Message: fmt.Sprintf("no instance of its controller looks at %s: none has a label selector or namespace that fits", in.Object.Ref()),
	}}
	return res
}

// unwatchedSource is the Failure for a source that no instance of
// source-controller looks at, nil for others.
func (s *worldSources) unwatchedSource(u *unstructured.Unstructured) *source.Failure {
	if s.world.Settings.Watches(u) {
		return nil
	}
	return &source.Failure{Problem: finding.Problem{
		Reason: "source-not-watched", Object: RefOf(u),
		Message: fmt.Sprintf("no instance of source-controller looks at %s: none has a label selector or namespace that fits", RefOf(u)),
	}}
}
