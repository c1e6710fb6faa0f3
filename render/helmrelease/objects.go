package helmrelease

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"

	helm "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// objects makes objects of the documents of a release, with what Helm adds.
func (r *renderRun) objects(ctx context.Context, hooks []*helm.Hook, manifests []releaseutil.Manifest) (applies, hooked []*render.Object, err error) {
	writers := r.patchWriters()
	for _, m := range manifests {
		o, err := r.object(m.Content, m.Name)
		if err != nil {
			return nil, nil, err
		}
		if o == nil {
			continue
		}
		o.Origin.Writers = append(writers[render.RefOf(o.Unstructured)], o.Origin.Writers...)
		r.own(o.Unstructured)
		applies = append(applies, o)
	}
	for _, h := range hooks {
		if r.skips(h) {
			continue
		}
		o, err := r.object(h.Manifest, h.Path)
		if err != nil {
			return nil, nil, err
		}
		if o == nil {
			continue
		}
		o.Origin.Hook = true
		o.Origin.Writers = append(writers[render.RefOf(o.Unstructured)], o.Origin.Writers...)
		hooked = append(hooked, o)
	}
	scopes := chartScopes(slices.Concat(r.crds, applies))
	for _, o := range slices.Concat(applies, hooked) {
		if o.GetNamespace() == "" && r.inNamespace(ctx, o.GroupVersionKind(), scopes) {
			o.SetNamespace(r.prepared.ReleaseNamespace)
		}
	}
	return applies, hooked, nil
}

// skips reports whether the release switches the hook off. Tests have a switch
// of their own.
func (r *renderRun) skips(h *helm.Hook) bool {
	hr := r.prepared.HelmRelease
	disabled := hr.GetInstall().DisableHooks
	if r.in.Upgrade {
		disabled = hr.GetUpgrade().DisableHooks
	}
	return disabled && !slices.Contains(h.Events, helm.HookTest)
}

// object reads one document of the template. It is nil for an empty one.
func (r *renderRun) object(text, template string) (*render.Object, error) {
	content := map[string]any{}
	data, err := yaml.ToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("YAML parse error on %s: %w", template, err)
	}
	if bytes.Equal(data, []byte("null")) {
		return nil, nil
	}
	u := &unstructured.Unstructured{Object: content}
	if err := u.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("unable to build kubernetes objects from release manifest: %w", err)
	}
	return &render.Object{Unstructured: u, Origin: r.origin(template)}, nil
}

// origin is the story of an object of the template.
func (r *renderRun) origin(template string) render.Origin {
	hr := r.prepared.HelmRelease
	o := render.Origin{Owner: r.in.Object, Note: withinChart(template), Place: r.in.Object.At(chartField(hr))}
	if pos := r.prepared.Chart.position(template, 0, 0); !pos.IsZero() {
		o.Place = pos
	}
	if m := hr.Spec.CommonMetadata; m != nil {
		o.Writers = append(o.Writers, r.metadataWriters("labels", m.Labels)...)
		o.Writers = append(o.Writers, r.metadataWriters("annotations", m.Annotations)...)
	}
	for _, name := range []string{"name", "namespace"} {
		o.Writers = append(o.Writers, render.Writer{Pointer: finding.Pointer("metadata", "labels", Group+"/"+name), What: "label"})
	}
	return o
}

func (r *renderRun) metadataWriters(kind string, values map[string]string) []render.Writer {
	var out []render.Writer
	for _, k := range slices.Sorted(maps.Keys(values)) {
		out = append(out, render.Writer{
			Pointer: finding.Pointer("metadata", kind, k), What: "commonMetadata",
			Pos: r.in.Object.At(finding.Pointer("spec", "commonMetadata", kind, k)),
		})
	}
	return out
}

// own writes what Helm puts on the objects of a release that are no hooks.
func (r *renderRun) own(u *unstructured.Unstructured) {
	u.SetLabels(with(u.GetLabels(), "app.kubernetes.io/managed-by", "Helm"))
	annotations := with(u.GetAnnotations(), "meta.helm.sh/release-name", r.prepared.ReleaseName)
	u.SetAnnotations(with(annotations, "meta.helm.sh/release-namespace", r.prepared.ReleaseNamespace))
}

func with(values map[string]string, key, value string) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	values[key] = value
	return values
}

// namespaced reports whether objects of the kind live in namespaces, as far as
// the catalog or the cluster know it.
func (r *renderRun) namespaced(ctx context.Context, gvk schema.GroupVersionKind) bool {
	return r.inNamespace(ctx, gvk, chartScopes(r.crds))
}

// scopeIn is the scope of a kind that a cluster has a CRD for, empty for others.
func scopeIn(ctx context.Context, c render.Cluster, gk schema.GroupKind) string {
	if known, ok := c.(render.Scoper); ok {
		return known.Scope(gk)
	}
	for _, crd := range c.List(ctx, crdKind, "") {
		if defined, scope := scopeOf(crd); defined == gk {
			return scope
		}
	}
	return ""
}

// inNamespace asks first the CRDs of the chart, then the catalog, then the CRDs
// of the cluster. An unknown kind is taken as namespaced.
func (r *renderRun) inNamespace(ctx context.Context, gvk schema.GroupVersionKind, scopes map[schema.GroupKind]string) bool {
	if scope, ok := scopes[gvk.GroupKind()]; ok {
		return scope != "Cluster"
	}
	if namespaced, known := r.renderer.options.Namespaced(gvk); known {
		return namespaced
	}
	if r.scopes == nil {
		r.scopes = map[schema.GroupKind]string{}
	}
	if _, ok := r.scopes[gvk.GroupKind()]; !ok {
		r.scopes[gvk.GroupKind()] = render.Consult(ctx, r.in.Cluster, func(ctx context.Context, c render.Cluster) string {
			return scopeIn(ctx, c, gvk.GroupKind())
		})
	}
	return r.scopes[gvk.GroupKind()] != "Cluster"
}
