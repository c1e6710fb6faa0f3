package simulate

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// templateChart writes the HelmChart object of a HelmRelease. It reports whether
// the server takes it.
func (r *replay) templateChart(ctx context.Context, s *subject, ref finding.Ref) (bool, error) {
	previous, _, _ := unstructured.NestedString(s.live.Object, "status", "helmChart")
	own := ref.Namespace + "/" + ref.Name
	if hasChartRef(s.live) {
		own = ""
	}
	if previous != "" && previous != own {
		if err := r.deleteChart(ctx, s, previous); err != nil {
			return false, err
		}
	}
	st := statusOf(s.live)
	delete(st.fields, "helmChart")
	if own != "" {
		st.fields["helmChart"] = own
		if ok, err := r.applyChart(ctx, s, ref); !ok || err != nil {
			return false, err
		}
	}
	if previous == own {
		return true, nil
	}
	return true, r.cluster.commit(ctx, st)
}

func (r *replay) applyChart(ctx context.Context, s *subject, ref finding.Ref) (bool, error) {
	u := helmChartOf(s.live, ref)
	had := r.cluster.read(ctx, ref)
	//lint:ignore SA1019 a patch leaves what the server made of the object in it
	if err := r.cluster.plain.Patch(ctx, u, client.Apply, client.FieldOwner(helmController), client.ForceOwnership); err != nil {
		if r.recorder.gone() != nil {
			return false, fmt.Errorf("write %s: %w", ref, err)
		}
		r.event(s.ref, "Normal", "HelmChartSyncErr", fmt.Sprintf("failed to run server-side apply: %s dry-run failed (%s): %v", ref, apierrors.ReasonForError(err), err))
		r.note("%s is not touched as long as its HelmChart is refused, which helm-controller only logs: %v", s.ref, err)
		return false, nil
	}
	same := had != nil && r.unclaimed[ref] && len(diff.Objects(had.Object, u.Object)) == 0 // but for who manages it
	if had == nil || had.GetResourceVersion() != u.GetResourceVersion() && !same {
		done := "Configured"
		if had == nil {
			done = "Created"
		}
		source, _, _ := unstructured.NestedMap(u.Object, "spec", "sourceRef")
		r.event(s.ref, "Normal", "HelmChart"+done, fmt.Sprintf("%s %s with SourceRef '%s/%s/%s'",
			done, ref, text(source["kind"]), ref.Namespace, text(source["name"])))
	}
	if had == nil || had.GetGeneration() != u.GetGeneration() {
		r.clock++
	}
	return true, nil
}

// helmChartOf is the HelmChart object that a HelmRelease describes.
func helmChartOf(hr *unstructured.Unstructured, ref finding.Ref) *unstructured.Unstructured {
	from, _, _ := unstructured.NestedMap(hr.Object, "spec", "chart", "spec")
	spec := map[string]any{}
	for _, field := range []string{"chart", "version", "reconcileStrategy", "valuesFiles", "ignoreMissingValuesFiles", "verify"} {
		if v, ok := from[field]; ok && v != false {
			spec[field] = v
		}
	}
	source, _ := from["sourceRef"].(map[string]any)
	spec["sourceRef"] = map[string]any{"kind": source["kind"], "name": source["name"]}
	interval := text(from["interval"])
	if interval == "" {
		interval, _, _ = unstructured.NestedString(hr.Object, "spec", "interval")
	}
	if d, err := time.ParseDuration(interval); err == nil {
		interval = d.String()
	}
	spec["interval"] = interval
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetGroupVersionKind(helmChartKind.WithVersion("v1"))
	u.SetNamespace(ref.Namespace)
	u.SetName(ref.Name)
	labels, _, _ := unstructured.NestedStringMap(hr.Object, "spec", "chart", "metadata", "labels")
	if labels == nil {
		labels = map[string]string{}
	}
	labels[helmGroup+"/name"], labels[helmGroup+"/namespace"] = hr.GetName(), hr.GetNamespace()
	u.SetLabels(labels)
	if annotations, ok, _ := unstructured.NestedStringMap(hr.Object, "spec", "chart", "metadata", "annotations"); ok {
		u.SetAnnotations(annotations)
	}
	return u
}

// deleteChart deletes the HelmChart object of a HelmRelease, named namespace/name.
func (r *replay) deleteChart(ctx context.Context, s *subject, id string) error {
	ns, name, _ := strings.Cut(id, "/")
	u := r.cluster.read(ctx, finding.Ref{Group: sourceGroup, Kind: helmChartKind.Kind, Namespace: ns, Name: name})
	if u == nil {
		return nil
	}
	if err := r.cluster.plain.Delete(ctx, u); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete HelmChart/%s: %w", id, err)
	}
	r.event(s.ref, "Normal", "HelmChartDeleted", fmt.Sprintf("deleted HelmChart '%s'", id))
	r.clock++
	return nil
}
