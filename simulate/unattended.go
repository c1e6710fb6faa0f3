package simulate

import (
	"context"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/apis/kustomize"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// unattended reports whether the health of an object is a matter of expressions
// about a status that nobody sets here. Such an object is taken for healthy, as
// workloads are.
func (r *replay) unattended(ctx context.Context, ref finding.Ref, exprs []kustomize.CustomHealthCheck) bool {
	if !r.opts.Emulate.Expressions || strings.HasSuffix(ref.Group, ".toolkit.fluxcd.io") || !slices.ContainsFunc(exprs, func(e kustomize.CustomHealthCheck) bool {
		return schema.FromAPIVersionAndKind(e.APIVersion, e.Kind).GroupKind() == groupKind(ref)
	}) {
		return false
	}
	u := r.cluster.read(ctx, ref)
	if u == nil || u.GetDeletionTimestamp() != nil || r.exempt(u) {
		return false
	}
	status, _ := u.Object["status"].(map[string]any)
	if _, ours := r.reported[u.GetUID()]; len(status) > 0 && !ours {
		return false
	}
	r.tell(takenHealthy, ref.String())
	return true
}
