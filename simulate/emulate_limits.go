package simulate

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var limitRangeKind = schema.GroupKind{Kind: "LimitRange"}

// limitsSeen waits until the admission of the API server knows all LimitRanges
// that were written before: it learns of them in order, so one more that forbids
// something harmless tells.
func (r *replay) limitsSeen(ctx context.Context) error {
	namespace := r.limited
	if r.limited = ""; namespace == "" {
		return nil
	}
	r.probes++
	name := fmt.Sprintf("%s-%d", probe, r.probes)
	l := made("v1", limitRangeKind.Kind, namespace, name)
	l.Object["spec"] = map[string]any{"limits": []any{map[string]any{"type": claimKind.Kind, "max": map[string]any{"storage": "1"}}}}
	if err := r.cluster.plain.Create(ctx, l, client.FieldOwner("flux-rehearse")); err != nil {
		return r.alive(ctx) // the namespace is going
	}
	defer func() { _ = r.cluster.plain.Delete(context.WithoutCancel(ctx), l) }()
	err := wait.PollUntilContextTimeout(ctx, pollInterval, stageTimeout, true, func(ctx context.Context) (bool, error) {
		claim := made("v1", claimKind.Kind, namespace, name)
		claim.Object["spec"] = map[string]any{"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": "2"}}}
		err := r.cluster.plain.Create(ctx, claim, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "maximum storage usage per PersistentVolumeClaim is 1,"), r.alive(ctx)
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		r.note("the LimitRanges of namespace %q are not in force", namespace)
		return nil
	}
	return err
}
