// Package artifactgenerator renders ArtifactGenerator objects: the artifacts
// that source-watcher builds, and the ExternalArtifact objects that stand for
// them in the cluster.
package artifactgenerator

import (
	"context"
	"fmt"
	"maps"
	"strings"

	swapi "github.com/fluxcd/source-watcher/api/v2/v1beta1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// controllerName is the name under which source-watcher writes objects.
const controllerName = "source-watcher"

// Renderer renders ArtifactGenerator objects.
type Renderer struct{}

// New returns a Renderer.
func New() *Renderer { return &Renderer{} }

// Kinds implements render.Renderer.
func (*Renderer) Kinds() []schema.GroupKind {
	return []schema.GroupKind{{Group: source.GeneratorGroup, Kind: swapi.ArtifactGeneratorKind}}
}

// Needs implements render.Renderer: the sources.
func (*Renderer) Needs(obj *render.Object, _ render.Settings) []render.Need {
	var out []render.Need
	for i, ref := range source.SourceRefs(obj.Unstructured) {
		out = append(out, render.Need{Kind: render.NeedSource, Ref: ref, Field: fmt.Sprintf("/spec/sources/%d", i)})
	}
	return out
}

// Render implements render.Renderer. After the first artifact that cannot be
// built the Result is Failed, and holds those before it: the controller has
// stored them, and keeps what it had of the others.
func (*Renderer) Render(ctx context.Context, in render.Input) render.Result {
	g := source.Generate(ctx, source.Generator{
		Object:   in.Object.Unstructured,
		Artifact: in.Sources.Artifact,
		Lockdown: in.Settings.WatcherNoCrossNamespaceRefs,
	})
	res := render.Result{Artifacts: map[finding.Ref]source.Artifact{}}
	for _, a := range g.Artifacts {
		o := externalArtifact(in.Object, a)
		res.Applies = append(res.Applies, o)
		res.Artifacts[o.Ref()] = a.Artifact
	}
	for _, p := range g.Problems {
		p.Pos = in.Object.At(p.Field)
		res.Problems = append(res.Problems, p)
	}
	conclude(&res, in.Object, g.Failure)
	return res
}

// conclude sets state, reason and condition.
func conclude(res *render.Result, obj *render.Object, f *source.Failure) {
	switch {
	case disabled(obj):
		res.State, res.Reason = render.Suspended, "reconcile-disabled"
	case f != nil && f.Unknown:
		res.State, res.Reason = render.Unknown, f.Reason
		res.Problems = append(res.Problems, placed(obj, f))
	case f != nil:
		res.State, res.Reason = render.Failed, f.Reason
		res.Ready = render.Condition{Status: "False", Reason: f.Condition, Message: f.Message}
		res.Problems = append(res.Problems, placed(obj, f))
	default:
		res.State = render.Rendered
		res.Ready = render.Condition{Status: "True", Reason: "Succeeded",
			Message: fmt.Sprintf("reconciliation succeeded, generated %d artifact(s)", len(res.Applies))}
	}
}

// placed is the problem of a failure with a place in the generator: the field
// that it names, or the entry of spec.sources that it is about.
func placed(obj *render.Object, f *source.Failure) finding.Problem {
	p := f.Problem
	if !p.Pos.IsZero() {
		return p
	}
	if p.Object == obj.Ref() || p.Object.IsZero() {
		p.Pos = obj.At(p.Field)
		return p
	}
	for i, ref := range source.SourceRefs(obj.Unstructured) {
		if ref == p.Object {
			p.Pos = obj.At(fmt.Sprintf("/spec/sources/%d", i))
			return p
		}
	}
	p.Pos = obj.At("/spec/sources")
	return p
}

// disabled reports whether an annotation pauses the generator.
func disabled(obj *render.Object) bool {
	return strings.EqualFold(obj.GetAnnotations()[swapi.ReconcileAnnotation], swapi.DisabledValue)
}

// externalArtifact is the object that source-watcher applies for an artifact.
// The label with the uid of the generator is there when the uid is known.
func externalArtifact(gen *render.Object, a source.Generated) *render.Object {
	labels := stringMap(gen.Unstructured, "labels")
	maps.Copy(labels, a.Labels)
	labels["app.kubernetes.io/managed-by"] = controllerName
	if uid := string(gen.GetUID()); uid != "" {
		labels[swapi.ArtifactGeneratorLabel] = uid
	}
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(source.Group + "/v1")
	u.SetKind("ExternalArtifact")
	u.SetName(a.Name)
	u.SetNamespace(gen.GetNamespace())
	u.SetLabels(labels)
	if annotations := stringMap(gen.Unstructured, "annotations"); len(annotations) > 0 {
		u.SetAnnotations(annotations)
	}
	u.Object["spec"] = map[string]any{"sourceRef": map[string]any{
		"apiVersion": swapi.GroupVersion.String(),
		"kind":       swapi.ArtifactGeneratorKind,
		"name":       gen.GetName(),
		"namespace":  gen.GetNamespace(),
	}}
	return &render.Object{Unstructured: u, Origin: render.Origin{
		Owner: gen,
		Place: gen.At(fmt.Sprintf("/spec/artifacts/%d", a.Index)),
	}}
}

func stringMap(u *unstructured.Unstructured, part string) map[string]string {
	m, _, _ := unstructured.NestedStringMap(u.Object, "spec", "commonMetadata", part)
	if m == nil {
		m = map[string]string{}
	}
	return m
}
