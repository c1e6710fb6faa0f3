package kustomize

import (
	"fmt"

	flux "github.com/fluxcd/pkg/apis/kustomize"
	//lint:ignore SA1019 what helm-controller uses
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"
)

// PostRenderInput is what helm-controller does to a rendered release before
// Helm sees it again.
type PostRenderInput struct {
	Manifests   []byte            // YAML stream that Helm rendered
	Steps       []PostRenderStep  // spec.postRenderers[].kustomize, in order
	Labels      map[string]string // spec.commonMetadata.labels
	Annotations map[string]string // spec.commonMetadata.annotations
	Name        string            // of the HelmRelease, for the origin labels
	Namespace   string            // of the HelmRelease, for the origin labels
}

// PostRenderStep is one entry of spec.postRenderers.
type PostRenderStep struct {
	Patches []flux.Patch
	Images  []flux.Image
}

// PostRender passes a rendered release through the post-renderers in order,
// then through common metadata, then through the origin labels, which win. The
// result is a YAML stream without comments and with lists expanded. Two objects
// with one identity are an error, as in the controller, with kustomize's text.
func PostRender(in PostRenderInput) ([]byte, error) {
	data := in.Manifests
	if err := checkAliases(data); err != nil {
		return nil, err
	}
	for _, step := range in.Steps {
		var err error
		if data, err = postRenderStep(data, step); err != nil {
			return nil, err
		}
	}
	var out []byte
	err := shared.do("recovered from kustomize build panic", func() error {
		m, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(data)
		if err != nil {
			return err
		}
		if err := decorate(m, in); err != nil {
			return err
		}
		out, err = m.AsYaml()
		return err
	})
	return out, err
}

func decorate(m resmap.ResMap, in PostRenderInput) error {
	origin := map[string]string{
		"helm.toolkit.fluxcd.io/name":      in.Name,
		"helm.toolkit.fluxcd.io/namespace": in.Namespace,
	}
	transformers := []resmap.Transformer{}
	if len(in.Labels) > 0 {
		transformers = append(transformers, labels(in.Labels))
	}
	if len(in.Annotations) > 0 {
		transformers = append(transformers, &builtins.AnnotationsTransformerPlugin{
			Annotations: in.Annotations,
			FieldSpecs:  []kustypes.FieldSpec{{Path: "metadata/annotations", CreateIfNotPresent: true}},
		})
	}
	for _, t := range append(transformers, labels(origin)) {
		if err := t.Transform(m); err != nil {
			return err
		}
	}
	return nil
}

func labels(values map[string]string) resmap.Transformer {
	return &builtins.LabelTransformerPlugin{
		Labels:     values,
		FieldSpecs: []kustypes.FieldSpec{{Path: "metadata/labels", CreateIfNotPresent: true}},
	}
}

const releaseFile = "helm-output.yaml"

func postRenderStep(data []byte, step PostRenderStep) ([]byte, error) {
	k := kustypes.Kustomization{
		TypeMeta:  kustypes.TypeMeta{APIVersion: kustypes.KustomizationVersion, Kind: kustypes.KustomizationKind},
		Resources: []string{releaseFile},
	}
	for _, i := range step.Images {
		k.Images = append(k.Images, kustypes.Image{Name: i.Name, NewName: i.NewName, NewTag: i.NewTag, Digest: i.Digest})
	}
	for _, p := range step.Patches {
		k.Patches = append(k.Patches, kustypes.Patch{Patch: p.Patch, Target: selector(p.Target)})
	}
	file, err := yaml.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("write the kustomization of a post-renderer: %w", err)
	}
	fs := filesys.MakeFsInMemory()
	for name, content := range map[string][]byte{releaseFile: data, "kustomization.yaml": file} {
		if err := fs.WriteFile(name, content); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	m, err := shared.build(fs, ".")
	if err != nil {
		return nil, err
	}
	return m.AsYaml()
}

func selector(s *flux.Selector) *kustypes.Selector {
	if s == nil {
		return nil
	}
	return &kustypes.Selector{
		ResId: resid.ResId{
			Gvk:       resid.Gvk{Group: s.Group, Version: s.Version, Kind: s.Kind},
			Name:      s.Name,
			Namespace: s.Namespace,
		},
		LabelSelector:      s.LabelSelector,
		AnnotationSelector: s.AnnotationSelector,
	}
}

// Patch applies patches to a YAML stream, as one kustomization would.
func Patch(manifests []byte, patches []flux.Patch) ([]byte, error) {
	return postRenderStep(manifests, PostRenderStep{Patches: patches})
}
