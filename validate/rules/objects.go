package rules

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

// The groups of Flux's own kinds that rules name.
const (
	kustomizeGroup    = "kustomize.toolkit.fluxcd.io"
	helmGroup         = "helm.toolkit.fluxcd.io"
	sourceGroup       = "source.toolkit.fluxcd.io"
	notificationGroup = "notification.toolkit.fluxcd.io"
	imageGroup        = "image.toolkit.fluxcd.io"
)

// reference is an item of a list of references to objects.
type reference struct {
	finding.Ref
	Pointer string // JSON pointer of the item
	Fields  map[string]any
}

// references reads a list of {name, namespace} below spec; the namespace is
// that of the object where an item names none.
func references(o *render.Object, group, kind, field string) []reference {
	list, _ := spec(o)[field].([]any)
	var out []reference
	for i, item := range list {
		m, _ := item.(map[string]any)
		r := reference{
			Ref:     finding.Ref{Group: group, Kind: kind, Namespace: o.GetNamespace()},
			Pointer: finding.Pointer("spec", field, strconv.Itoa(i)),
			Fields:  m,
		}
		r.Name, _ = m["name"].(string)
		if ns, _ := m["namespace"].(string); ns != "" {
			r.Namespace = ns
		}
		out = append(out, r)
	}
	return out
}

// dependsOn reads spec.dependsOn of a Kustomization or HelmRelease, which names
// objects of the same kind. Other kinds have no such field in Flux's sense.
func dependsOn(o *render.Object) []reference {
	ref := o.Ref()
	if !isKustomization(ref) && !isHelmRelease(ref) {
		return nil
	}
	return references(o, ref.Group, ref.Kind, "dependsOn")
}

// replaced reports whether an expression stands for the check of readiness.
func (r reference) replaced() bool {
	expr, _ := r.Fields["readyExpr"].(string)
	return expr != ""
}

func isKustomization(r finding.Ref) bool {
	return r.Group == kustomizeGroup && r.Kind == "Kustomization"
}

func isHelmRelease(r finding.Ref) bool {
	return r.Group == helmGroup && r.Kind == "HelmRelease"
}

func isResourceSet(r finding.Ref) bool {
	return r.Group == "fluxcd.controlplane.io" && r.Kind == "ResourceSet"
}

func spec(o *render.Object) map[string]any {
	m, _ := o.Object["spec"].(map[string]any)
	return m
}

func specText(o *render.Object, fields ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, append([]string{"spec"}, fields...)...)
	return s
}

func specFlag(o *render.Object, fields ...string) bool {
	b, _, _ := unstructured.NestedBool(o.Object, append([]string{"spec"}, fields...)...)
	return b
}

// active lists the outcomes whose objects the controllers apply or try to:
// nothing suspended, nothing below something suspended.
func active(w *render.World) []*render.Outcome {
	var out []*render.Outcome
	for _, o := range w.Outcomes {
		if o.State != render.Suspended && !validate.Dormant(w, o.Object) {
			out = append(out, o)
		}
	}
	return out
}

// applied lists each object of a World once per owner that applies it to the
// cluster of the World. Objects that only the cluster holds, and those that an
// annotation or a suspended owner keeps from being applied, are left out.
func applied(w *render.World) []*render.Object {
	var out []*render.Object
	for _, s := range w.Seeds {
		if s.Origin.Doc != nil {
			out = append(out, s)
		}
	}
	for _, outcome := range active(w) {
		if elsewhereApplied(outcome.Object) {
			continue
		}
		for _, o := range slices.Concat(outcome.CRDs, outcome.Applies) {
			if !ignored(o) {
				out = append(out, o)
			}
		}
	}
	return out
}

// elsewhereApplied reports whether a Flux object applies to another cluster.
func elsewhereApplied(owner *render.Object) bool { return spec(owner)["kubeConfig"] != nil }

// ignored reports whether kustomize-controller skips the object on request.
func ignored(o *render.Object) bool {
	for _, m := range []map[string]string{o.GetLabels(), o.GetAnnotations()} {
		if strings.EqualFold(m[kustomizeGroup+"/reconcile"], "disabled") || strings.EqualFold(m[kustomizeGroup+"/ssa"], "ignore") {
			return true
		}
	}
	return false
}

// obscure reports whether Flux objects may exist that the World does not know:
// an owner whose content is not at hand, or a kind that makes Flux objects and
// is not rendered. Nothing is missing for sure in such a World.
func obscure(w *render.World) bool {
	for _, out := range active(w) {
		if lacking(out) {
			return true
		}
	}
	for _, o := range w.Objects() {
		ref := o.Ref()
		if slices.Contains(makers[ref.Group], ref.Kind) {
			return true
		}
	}
	return false
}

// lacking reports whether an owner that may make Flux objects or data is not
// rendered. Charts rarely do, but for those that bootstrap Flux.
func lacking(out *render.Outcome) bool {
	if out.State != render.Unknown && out.State != render.Failed {
		return false
	}
	return !isHelmRelease(out.Object.Ref()) || strings.Contains(chartName(out.Object), "flux")
}

// makers are kinds whose objects make Flux objects in the cluster.
var makers = map[string][]string{
	"templates.weave.works":       {"GitOpsSet"},
	"infra.contrib.fluxcd.io":     {"Terraform"},
	"kro.run":                     {"ResourceGraphDefinition"},
	"apiextensions.crossplane.io": {"Composition"},
}

func chartName(o *render.Object) string {
	name := specText(o, "chart", "spec", "chart")
	return name + specText(o, "chartRef", "name")
}

// complete reports whether every active Flux object is rendered: what is not
// known might hold anything.
func complete(w *render.World) bool {
	for _, out := range active(w) {
		if out.State == render.Unknown || out.State == render.Failed {
			return false
		}
	}
	return true
}

// dataReferences reads a list of {kind, name} that name ConfigMaps and Secrets
// in the namespace of the object.
func dataReferences(o *render.Object, fields ...string) []reference {
	list, _, _ := unstructured.NestedSlice(o.Object, fields...)
	var out []reference
	for i, item := range list {
		m, _ := item.(map[string]any)
		r := reference{
			Ref:     finding.Ref{Namespace: o.GetNamespace()},
			Pointer: finding.Pointer(append(slices.Clone(fields), strconv.Itoa(i))...),
			Fields:  m,
		}
		r.Kind, _ = m["kind"].(string)
		r.Name, _ = m["name"].(string)
		out = append(out, r)
	}
	return out
}

func groupKind(r finding.Ref) schema.GroupKind { return schema.GroupKind{Group: r.Group, Kind: r.Kind} }

// variable reports whether a text is not final: substitution or a template
// makes something else of it.
func variable(text string) bool { return strings.ContainsAny(text, "${}<>") }

// strict makes findings errors where the user says that the cluster holds
// nothing but what is given: then nobody makes by hand what is missing.
func strict(p *validate.Pass) {
	if p.World.Settings.Complete {
		p.Rule.Severity = finding.Error
	}
}
