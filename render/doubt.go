package render

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// dataFields are the lists of ConfigMaps and Secrets without which an object
// fails, by the reason that it then has.
var dataFields = map[string][]string{
	"substitute-source-missing": {"spec", "postBuild", "substituteFrom"},
	"helm-values":               {"spec", "valuesFrom"},
}

// doubt makes those Unknown that fail for want of a ConfigMap or Secret which an
// object of unknown content may make. That may put others in doubt.
func (w *World) doubt() {
	for again := true; again; {
		again = false
		for _, out := range w.Outcomes {
			if ref := w.wanting(out); !ref.IsZero() && w.PossibleMaker(ref, out.Object) != nil {
				out.State, out.Ready, again = Unknown, Condition{}, true
			}
		}
	}
}

// wanting names the first ConfigMap or Secret for want of which an object fails.
func (w *World) wanting(out *Outcome) finding.Ref {
	if out.State != Failed {
		return finding.Ref{}
	}
	for _, ref := range Wanted(out.Object.Unstructured, out.Reason) {
		if w.Object(ref) == nil && w.Producer(ref) == nil {
			return ref
		}
	}
	return finding.Ref{}
}

// Wanted names the ConfigMaps and Secrets that an object cannot do without; one
// that is missing makes it fail with the reason. It is nil for other reasons.
func Wanted(u *unstructured.Unstructured, reason string) []finding.Ref {
	list, _, _ := unstructured.NestedSlice(u.Object, dataFields[reason]...)
	if dataFields[reason] == nil {
		return nil
	}
	var out []finding.Ref
	for _, item := range list {
		m, _ := item.(map[string]any)
		ref := finding.Ref{Namespace: u.GetNamespace()}
		ref.Kind, _ = m["kind"].(string)
		ref.Name, _ = m["name"].(string)
		if optional, _ := m["optional"].(bool); !optional && ref.Name != "" {
			out = append(out, ref)
		}
	}
	return out
}

// PossibleMaker returns an object of unknown content that may make the ConfigMap
// or Secret which ref names, or nil. What wanting itself makes does not count.
func (w *World) PossibleMaker(ref finding.Ref, wanting *Object) *Object {
	for _, namespace := range []string{ref.Namespace, Everywhere} {
		if o := w.produced[finding.Ref{Kind: ref.Kind, Namespace: namespace, Name: Anything}]; o != nil {
			return o
		}
	}
	for _, out := range w.Outcomes {
		if out.State == Unknown && reaches(out.Object, ref.Namespace) && !madeBy(out.Object, wanting) {
			return out.Object
		}
	}
	return nil
}

// reaches reports whether what an object applies may be in a namespace of its
// cluster. Charts keep to the namespace of their release.
func reaches(o *Object, namespace string) bool {
	spec, _ := o.Object["spec"].(map[string]any)
	target, _ := spec["targetNamespace"].(string)
	if spec["kubeConfig"] != nil {
		return false
	}
	switch o.GroupVersionKind().Group + " " + o.GetKind() {
	case "helm.toolkit.fluxcd.io HelmRelease":
		return target == namespace || target == "" && o.GetNamespace() == namespace
	case "kustomize.toolkit.fluxcd.io Kustomization":
		return target == namespace || target == ""
	case "fluxcd.controlplane.io ResourceSet":
		return true
	}
	return false
}

// madeBy reports whether an object is another one or owned by it.
func madeBy(o, other *Object) bool {
	for ; o != nil && other != nil; o = o.Origin.Owner {
		if o.Ref() == other.Ref() {
			return true
		}
	}
	return false
}
