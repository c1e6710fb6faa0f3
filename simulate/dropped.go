package simulate

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// dropped are the fields that Flux loses when it reads the objects of
// Kustomizations into the types of built-in kinds.
func (r *replay) dropped(ctx context.Context) []facts.Dropped {
	var out []facts.Dropped
	for _, s := range r.subjects(ctx, r.ownerKinds()...) {
		if groupKind(s.ref) == helmReleaseKind || s.suspended() || s.deleting() {
			continue
		}
		for _, ref := range sortedRefs(s.mem.rendered) {
			o := s.mem.rendered[ref]
			for _, field := range unknownFields(o.Unstructured) {
				d := facts.Dropped{Ref: ref, Owner: s.ref, Field: pointerTo(o, field)}
				d.Pos = o.KeyAt(d.Field)
				if r.opts.Suggest != nil {
					d.Suggestion = r.opts.Suggest(o.Object, d.Field)
				}
				out = append(out, d)
			}
		}
	}
	return out
}

// unknownFields are the fields that the type of a built-in kind does not have.
// Roles and definitions keep theirs, and so does an object that does not fit
// its type: the server gets to see them.
func unknownFields(u *unstructured.Unstructured) []string {
	switch groupKind(render.RefOf(u)) {
	case clusterRoleKind, roleKind:
		return nil
	}
	typed, err := scheme.Scheme.New(u.GroupVersionKind())
	if err != nil {
		return nil
	}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, typed, true)
	strict, ok := runtime.AsStrictDecodingError(err)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range strict.Errors() {
		field, ok := strings.CutPrefix(e.Error(), `unknown field "`)
		field = strings.TrimSuffix(field, `"`)
		if ok && field != "sops" && !strings.HasPrefix(field, "sops.") {
			out = append(out, field)
		}
	}
	return out
}
