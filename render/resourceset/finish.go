package resourceset

import (
	"maps"
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// finish gives every object its common metadata, the content that annotations
// ask for, and the labels that name its owner.
func (j *job) finish() *render.Result {
	common := j.spec.Sub("commonMetadata")
	for _, o := range j.objects {
		if values := common.Texts("labels"); len(values) > 0 {
			o.SetLabels(j.add(o, "labels", values))
		}
		if values := common.Texts("annotations"); len(values) > 0 {
			o.SetAnnotations(j.add(o, "annotations", values))
		}
	}
	for _, o := range j.objects {
		if res := j.copies(o); res != nil {
			return res
		}
		j.own(o)
	}
	for _, o := range j.objects {
		if res := j.checksum(o); res != nil {
			return res
		}
	}
	return nil
}

// add returns labels or annotations with the common ones.
func (j *job) add(o *render.Object, what string, values map[string]string) map[string]string {
	have := o.GetLabels()
	if what == "annotations" {
		have = o.GetAnnotations()
	}
	if have == nil {
		have = map[string]string{}
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		have[k] = values[k]
		o.Origin.Writers = append(o.Origin.Writers, render.Writer{
			Pointer: finding.Pointer("metadata", what, k), What: "commonMetadata",
			Pos: j.in.Object.At(finding.Pointer("spec", "commonMetadata", what, k)),
		})
	}
	return have
}

// own labels an object with its owner. That it may have another one, which a
// copied manifest brings, would make kustomize-controller prune it.
func (j *job) own(o *render.Object) {
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	for _, k := range []string{"kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace"} {
		delete(labels, k)
	}
	labels[OwnerGroup+"/name"], labels[OwnerGroup+"/namespace"] = j.in.Object.GetName(), j.in.Object.GetNamespace()
	o.SetLabels(labels)
}
