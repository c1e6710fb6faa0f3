package render

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// worldSources resolves source objects that the World holds.
type worldSources struct {
	set      *source.Set
	world    *World
	external map[finding.Ref]source.Artifact
}

func (s *worldSources) get(ref finding.Ref) *unstructured.Unstructured {
	if o := s.world.Object(ref); o != nil {
		return o.Unstructured
	}
	return nil
}

// Artifact implements Sources.
func (s *worldSources) Artifact(ctx context.Context, ref finding.Ref) (source.Artifact, *source.Failure) {
	if a, ok := s.external[ref]; ok {
		return a, nil
	}
	obj := s.get(ref)
	if obj == nil {
		return source.Artifact{}, NoSource(ref)
	}
	if f := s.unwatchedSource(obj); f != nil {
		return source.Artifact{}, f
	}
	return s.set.Artifact(ctx, obj, s.get)
}

// Chart implements Sources.
func (s *worldSources) Chart(ctx context.Context, ref finding.Ref, chart, version string) (source.Chart, *source.Failure) {
	obj := s.get(ref)
	if obj == nil {
		return source.Chart{}, NoSource(ref)
	}
	if f := s.unwatchedSource(obj); f != nil {
		return source.Chart{}, f
	}
	return s.set.Chart(ctx, source.ChartRequest{Source: obj, Chart: chart, Version: version}, s.get)
}

// NoSource is the Failure for a source object that the cluster does not hold.
func NoSource(ref finding.Ref) *source.Failure {
	return &source.Failure{Problem: finding.Problem{
		Reason:  "source-not-found",
		Object:  ref,
		Message: fmt.Sprintf("%s \"%s/%s\" does not exist", ref.Kind, ref.Namespace, ref.Name),
	}}
}
