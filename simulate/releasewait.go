package simulate

import (
	"context"
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/event"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/runtime/cel"
	runtimereaders "github.com/fluxcd/pkg/runtime/statusreaders"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// awaitLimit is how often the objects of a release are looked at in one wait.
const awaitLimit = 20

// await looks which of the objects of a release are not as they are waited for,
// after the rest of the cluster had its turn. Where Flux objects are among
// them, it looks again as long as they get on.
func (r *replay) await(ctx context.Context, w Awaited) ([]Laggard, error) {
	actor := r.recorder.current()
	defer r.recorder.act(actor)
	for round := 0; ; round++ {
		out, refs, err := r.laggards(ctx, w)
		if err != nil || !moves(refs) || round == awaitLimit {
			return out, err
		}
		happened, err := r.meanwhile(ctx)
		if err != nil || !happened {
			return out, err
		}
	}
}

// laggards looks once.
func (r *replay) laggards(ctx context.Context, w Awaited) ([]Laggard, []finding.Ref, error) {
	if err := r.settle(ctx); err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(w.Objects, func(u *unstructured.Unstructured) bool { return u.GetKind() == crdKind.Kind }) {
		// A CRD that never gets established shows below.
		_ = r.establish(ctx)
	}
	readers, err := r.releaseReaders(w)
	if err != nil {
		return nil, nil, err
	}
	source := &clusterreader.DirectClusterReader{Reader: memorial{r.cluster.plain, r.cluster}}
	var out []Laggard
	var refs []finding.Ref
	for _, u := range w.Objects {
		id := object.UnstructuredToObjMetadata(u)
		late := Laggard{Name: ssautils.FmtObjMetadata(id)}
		switch {
		case w.Gone && r.cluster.read(ctx, refOfID(id)) == nil, !w.Gone && paused(u), w.Legacy && !w.Gone && !knownToHelm3(u):
			continue
		case w.Legacy && !w.Gone && !w.Hook && u.GetKind() == "Deployment" && !r.opts.Emulate.Pods:
			// Helm 3 looks for a ReplicaSet, which nobody makes here.
			late.Status = kstatus.InProgressStatus.String()
		case w.Gone:
			late.Status = kstatus.TerminatingStatus.String()
		default:
			var rs *event.ResourceStatus
			err := r.expressed(ctx, r.recorder.current(), "/spec/healthCheckExprs", func(ctx context.Context) (err error) {
				rs, err = readerOf(readers, id).ReadStatus(ctx, source, id)
				return err
			})
			if err != nil {
				return nil, nil, err
			}
			if rs.Status == kstatus.CurrentStatus || r.unattended(ctx, refOfID(id), w.Exprs) {
				continue
			}
			late.Status = rs.Status.String()
			if rs.Error != nil {
				late.Cause = rs.Error.Error()
			}
		}
		out = append(out, late)
		refs = append(refs, refOfID(id))
	}
	return out, refs, r.alive(ctx)
}

// releaseReaders are the readers of helm-controller in order of precedence.
func (r *replay) releaseReaders(w Awaited) ([]engine.StatusReader, error) {
	mapper := r.cluster.mapper
	var readers []engine.StatusReader
	if len(w.Exprs) > 0 && !w.Legacy {
		custom, err := cel.NewStatusReader(w.Exprs)
		if err != nil {
			return nil, err
		}
		readers = append(readers, custom(mapper))
	}
	if !w.Started {
		readers = append(readers, runtimereaders.NewCustomJobStatusReader(mapper))
	}
	if w.Hook {
		return append(readers, statusreaders.NewGenericStatusReader(mapper, hookStatus)), nil
	}
	return append(readers, statusreaders.NewDefaultStatusReader(mapper)), nil
}

// hookStatus is the status of an object of a hook that is no Job: Pods have to
// end, everything else counts as it is.
func hookStatus(u *unstructured.Unstructured) (*kstatus.Result, error) {
	out := &kstatus.Result{Status: kstatus.CurrentStatus}
	if u.GetKind() != "Pod" || u.GroupVersionKind().Group != "" {
		return out, nil
	}
	switch phase, _, _ := unstructured.NestedString(u.Object, "status", "phase"); phase {
	case "Succeeded":
	case "Failed":
		out.Status = kstatus.FailedStatus
	default:
		out.Status = kstatus.InProgressStatus
	}
	return out, nil
}

// knownToHelm3 reports whether Helm 3 waits for objects of the kind at all.
func knownToHelm3(u *unstructured.Unstructured) bool {
	gk := u.GroupVersionKind().GroupKind()
	switch gk.Group {
	case "":
		return slices.Contains([]string{"Pod", "PersistentVolumeClaim", "Service", "ReplicationController"}, gk.Kind)
	case "apps":
		return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}, gk.Kind)
	}
	return gk == crdKind || gk.String() == "Job.batch"
}

// paused reports whether nobody waits for a Deployment, as its rollout is paused.
func paused(u *unstructured.Unstructured) bool {
	is, _, _ := unstructured.NestedBool(u.Object, "spec", "paused")
	return is && u.GetKind() == "Deployment" && u.GroupVersionKind().Group == "apps"
}

// releaseRefusals notes the objects of a release that the server has turned
// down since its reconciliation began, and those that were never sent.
func (r *replay) releaseRefusals(ctx context.Context, s *subject, result ReleaseResult) {
	turned, taken := r.recorder.answers()
	m := s.mem
	seen := map[finding.Ref]bool{}
	for _, no := range turned {
		ref, ok := r.refusedRef(no)
		if !ok || no.actor != s.ref || seen[ref] || no.request.bookkeeping() || no.status.Reason == "AlreadyExists" {
			continue
		}
		seen[ref] = true
		o := m.rendered[ref]
		if o == nil {
			u := made("v1", ref.Kind, ref.Namespace, ref.Name)
			u.SetGroupVersionKind(schema.GroupVersionKind{Group: ref.Group, Version: no.request.version, Kind: ref.Kind})
			o = &render.Object{Unstructured: u, Origin: render.Origin{Owner: r.applied[s.ref]}}
		}
		m.failures = append(m.failures, Refusal{Object: o, Error: verdict(o, &apierrors.StatusError{ErrStatus: no.status}),
			Exists: r.cluster.read(ctx, ref) != nil})
	}
	if result.State != render.Failed {
		return
	}
	var rest []*render.Object
	for _, o := range result.Objects {
		if ref := o.Ref(); !seen[ref] && !taken[ref] && !o.Origin.Hook {
			rest = append(rest, o)
		}
	}
	r.tryReleaseRest(ctx, s, rest, result.Objects)
}

// tryReleaseRest tries, after the verdict on the release is known, the objects
// that Helm did not get to, so that one run shows all mistakes. Nothing is changed.
func (r *replay) tryReleaseRest(ctx context.Context, s *subject, rest, all []*render.Object) {
	var together []*unstructured.Unstructured
	for _, o := range all {
		together = append(together, o.Unstructured)
	}
	cl, err := r.cluster.as(r.releaseUser(s))
	if err != nil {
		return
	}
	for _, o := range rest {
		if r.alive(ctx) != nil {
			return
		}
		dry := o.Unstructured.DeepCopy()
		//lint:ignore SA1019 a patch leaves what the server made of the object in it
		err := cl.Patch(ctx, dry, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner(helmController))
		if err == nil || r.comesEarlier(o.Unstructured, together, err) {
			s.mem.blocked = append(s.mem.blocked, o.Ref())
			continue
		}
		s.mem.failures = append(s.mem.failures, Refusal{Object: o, Error: verdict(o, err), Beyond: true, Exists: r.cluster.read(ctx, o.Ref()) != nil})
	}
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
