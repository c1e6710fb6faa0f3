package helmrelease

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// stage is one patch or image of the post-renderers: what runs up to it, and
// where it stands.
type stage struct {
	steps   []kustomize.PostRenderStep
	pointer string
	what    string
}

// maxStages bounds the extra builds that tell patches apart. A release with
// more is told apart by post-renderer only.
const maxStages = 12

// stages lists the patches and images in the order in which they run.
func stages(steps []kustomize.PostRenderStep) []stage {
	var fine, coarse []stage
	for i, step := range steps {
		field := item("/spec/postRenderers", i) + "/kustomize"
		add := func(partial kustomize.PostRenderStep, pointer, what string) {
			fine = append(fine, stage{steps: append(slices.Clone(steps[:i]), partial), pointer: pointer, what: what})
		}
		for j := range step.Patches {
			add(kustomize.PostRenderStep{Patches: step.Patches[:j+1]}, item(field+"/patches", j), "patch")
		}
		for j := range step.Images {
			add(kustomize.PostRenderStep{Patches: step.Patches, Images: step.Images[:j+1]}, item(field+"/images", j), "images")
		}
		coarse = append(coarse, stage{steps: steps[:i+1], pointer: field, what: "patch"})
	}
	if len(fine) > maxStages {
		return coarse
	}
	return fine
}

// patchWriters finds what each patch and image writes, by comparing the objects
// before and after it. From one that does not work without the next ones on,
// nothing is found.
func (r *renderRun) patchWriters() map[finding.Ref][]render.Writer {
	hr := r.prepared.HelmRelease
	steps := postRenderInput(hr).Steps
	if len(steps) == 0 {
		return nil
	}
	in := kustomize.PostRenderInput{Name: hr.Name, Namespace: hr.Namespace}
	before, err := r.snapshot(in)
	if err != nil {
		return nil
	}
	out := map[finding.Ref][]render.Writer{}
	for _, s := range stages(steps) {
		in.Steps = s.steps
		after, err := r.snapshot(in)
		if err != nil {
			return out
		}
		pos := r.in.Object.At(s.pointer)
		for ref, u := range after {
			old, ok := before[ref]
			if !ok {
				out[ref] = append(out[ref], render.Writer{What: s.what, Pos: pos})
				continue
			}
			for _, pointer := range changes(old.Object, u.Object, "") {
				out[ref] = append(out[ref], render.Writer{Pointer: pointer, What: s.what, Pos: pos})
			}
		}
		before = after
	}
	return out
}

// snapshot renders the objects with other post-renderers.
func (r *renderRun) snapshot(in kustomize.PostRenderInput) (map[finding.Ref]*unstructured.Unstructured, error) {
	hooks, manifests, err := r.postRendered(r.files, in)
	if err != nil {
		return nil, fmt.Errorf("trace post-renderers: %w", err)
	}
	out := map[finding.Ref]*unstructured.Unstructured{}
	texts := make([]string, 0, len(hooks)+len(manifests))
	for _, m := range manifests {
		texts = append(texts, m.Content)
	}
	for _, h := range hooks {
		texts = append(texts, h.Manifest)
	}
	for _, text := range texts {
		o, err := r.object(text, "")
		if err != nil {
			return nil, err
		}
		if o != nil {
			out[o.Ref()] = o.Unstructured
		}
	}
	return out, nil
}

// changes lists the leaves that differ, sorted. Lists of other lengths differ
// as a whole.
func changes(before, after any, pointer string) []string {
	switch a := after.(type) {
	case map[string]any:
		if b, ok := before.(map[string]any); ok {
			var out []string
			keys := maps.Clone(a)
			maps.Copy(keys, b)
			for _, k := range slices.Sorted(maps.Keys(keys)) {
				out = append(out, changes(b[k], a[k], pointer+finding.Pointer(k))...)
			}
			return out
		}
	case []any:
		if b, ok := before.([]any); ok && len(a) == len(b) {
			var out []string
			for i := range a {
				out = append(out, changes(b[i], a[i], item(pointer, i))...)
			}
			return out
		}
	}
	if reflect.DeepEqual(before, after) {
		return nil
	}
	return []string{pointer}
}
