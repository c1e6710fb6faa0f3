package simulate

import (
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/cli-utils/pkg/object"
	runtimereaders "github.com/fluxcd/pkg/runtime/statusreaders"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// await looks once, after the rest of the cluster had its turn, which of the
// objects of a release are not as they are waited for.
func (r *replay) await(ctx context.Context, w Awaited) ([]string, error) {
	actor := r.recorder.current()
	defer r.recorder.act(actor)
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(w.Objects, func(u *unstructured.Unstructured) bool { return u.GetKind() == crdKind.Kind }) {
		// A CRD that never gets established shows below.
		_ = r.establish(ctx)
	}
	readers := []engine.StatusReader{
		runtimereaders.NewCustomJobStatusReader(r.cluster.mapper), statusreaders.NewDefaultStatusReader(r.cluster.mapper),
	}
	source := &clusterreader.DirectClusterReader{Reader: r.cluster.plain}
	var out []string
	for _, u := range w.Objects {
		id := object.UnstructuredToObjMetadata(u)
		if w.Gone {
			if live := r.cluster.read(ctx, refOfID(id)); live != nil {
				out = append(out, fmt.Sprintf("resource %s/%s/%s still exists. status: %s, message: %s",
					id.GroupKind.Kind, id.Namespace, id.Name, kstatus.TerminatingStatus, "Resource scheduled for deletion"))
			}
			continue
		}
		rs, err := readerOf(readers, id).ReadStatus(ctx, source, id)
		if err != nil {
			return nil, err
		}
		if rs.Status != kstatus.CurrentStatus {
			out = append(out, fmt.Sprintf("resource %s/%s/%s not ready. status: %s, message: %s",
				id.GroupKind.Kind, id.Namespace, id.Name, rs.Status, rs.Message))
		}
	}
	return out, r.alive(ctx)
}

// releaseRefusals are the objects of a release that the server has turned down
// since its reconciliation began.
func (r *replay) releaseRefusals(s *subject) []Refusal {
	var out []Refusal
	seen := map[finding.Ref]bool{}
	for _, no := range r.recorder.refusals() {
		ref, ok := r.refusedRef(no)
		if !ok || no.actor != s.ref || seen[ref] || no.request.bookkeeping() || no.status.Reason == "AlreadyExists" {
			continue
		}
		seen[ref] = true
		o := s.mem.rendered[ref]
		if o == nil {
			u := made("v1", ref.Kind, ref.Namespace, ref.Name)
			u.SetGroupVersionKind(schema.GroupVersionKind{Group: ref.Group, Version: no.request.version, Kind: ref.Kind})
			o = &render.Object{Unstructured: u, Origin: render.Origin{Owner: r.applied[s.ref]}}
		}
		out = append(out, Refusal{Object: o, Error: verdict(o, &apierrors.StatusError{ErrStatus: no.status})})
	}
	return out
}

// refusedRef names the object of a request.
func (r *replay) refusedRef(no refused) (finding.Ref, bool) {
	if no.object != nil {
		ref := render.RefOf(&unstructured.Unstructured{Object: no.object})
		if ref.Namespace == "" {
			ref.Namespace = no.request.namespace
		}
		return ref, true
	}
	gvr := schema.GroupVersionResource{Group: no.request.group, Version: no.request.version, Resource: no.request.resource}
	gvk, err := r.cluster.mapper.KindFor(gvr)
	if err != nil || no.request.name == "" {
		return finding.Ref{}, false
	}
	return finding.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: no.request.namespace, Name: no.request.name}, true
}
