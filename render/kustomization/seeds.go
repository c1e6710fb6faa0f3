package kustomization

import (
	"bytes"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// Seeds returns the seeds of an Entry as bootstrap applies them: after the
// patches of the folder that it writes, or those of a FluxInstance. Where these
// cannot be read the seeds stay as they are.
func Seeds(seeds []repo.Seed, in SettingsInput) []repo.Seed {
	var objects []*unstructured.Unstructured
	switch {
	case in.Instance != nil:
		objects = instanceSeeds(seeds, in)
	case in.Folder != "" && in.Tree.IsFolder(in.Folder):
		objects, _ = readFolder(in).build()
	}
	patched := map[finding.Ref]map[string]any{}
	for _, u := range objects {
		patched[render.RefOf(u)] = u.Object
	}
	out := make([]repo.Seed, len(seeds))
	for i, s := range seeds {
		out[i] = s
		if o := patched[render.RefOf(&unstructured.Unstructured{Object: s.Object})]; o != nil {
			out[i].Object = o
		}
	}
	return out
}

// instanceSeeds are the seeds after the patches of a FluxInstance.
func instanceSeeds(seeds []repo.Seed, in SettingsInput) []*unstructured.Unstructured {
	spec, err := in.instanceSpec()
	if err != nil {
		return nil
	}
	var objects []map[string]any
	for _, s := range seeds {
		objects = append(objects, s.Object)
	}
	out, err := InstanceSync(objects, spec)
	if err != nil {
		return nil
	}
	return out
}

// InstanceSync returns the source and the root Kustomization of a FluxInstance
// as the Flux Operator applies them: after the patches of its spec. With
// multitenancy the root Kustomization keeps the rights of its controller.
func InstanceSync(objects []map[string]any, spec map[string]any) ([]*unstructured.Unstructured, error) {
	var stream bytes.Buffer
	for _, o := range objects {
		u := (&unstructured.Unstructured{Object: o}).DeepCopy()
		if u.GetKind() == "Kustomization" && loose.Of(spec["cluster"]).Flag("multitenant") {
			if err := unstructured.SetNestedField(u.Object, "kustomize-controller", "spec", "serviceAccountName"); err != nil {
				return nil, err
			}
		}
		data, err := yaml.Marshal(u.Object)
		if err != nil {
			return nil, err
		}
		stream.WriteString("---\n")
		stream.Write(data)
	}
	data, err := kustomize.Patch(stream.Bytes(), patchesOf(spec))
	if err != nil {
		return nil, err
	}
	return decodeStream(data), nil
}
