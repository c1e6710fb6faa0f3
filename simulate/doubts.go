package simulate

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/facts"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// doubts are the objects of which the server may say something else than before,
// when they are applied again: what decides about them has changed.
type doubts struct {
	all        bool
	judged     []domain                         // by admission policies
	resource   func(finding.Ref) (string, bool) // of an object, false when that is not known
	rights     bool                             // of whoever acts as somebody else than the controllers
	kinds      []schema.GroupKind               // whose definition is another one
	namespaces []string                         // that go
}

// doubtsOf are those that changes raise.
func doubtsOf(changes []facts.Object) doubts {
	var out doubts
	for _, o := range changes {
		if o.Action == diff.Unchanged {
			continue
		}
		_, policy := isPolicy(o.Ref)
		switch {
		case policy:
			domains, known := judgedBy(o, changes)
			out.all = out.all || !known
			out.judged = append(out.judged, domains...)
		case o.Ref.Group == "rbac.authorization.k8s.io":
			out.rights = out.rights || o.Before != nil
		case groupKind(o.Ref) == namespaceKind && o.Action == diff.Delete:
			out.namespaces = append(out.namespaces, o.Ref.Name)
		case groupKind(o.Ref) == crdKind && o.Before != nil && !equality.Semantic.DeepEqual(o.Before["spec"], o.After["spec"]):
			group, _, _ := unstructured.NestedString(o.Before, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Before, "spec", "names", "kind")
			out.kinds = append(out.kinds, schema.GroupKind{Group: group, Kind: kind})
		}
	}
	return out
}

// judgedBy are the domains of an admission policy that has changed, or of the one
// that a binding names. It reports false when that policy is not among the changes.
func judgedBy(o facts.Object, changes []facts.Object) ([]domain, bool) {
	name := o.Ref.Name
	if kind, bound := strings.CutSuffix(o.Ref.Kind, "Binding"); bound {
		for _, side := range []map[string]any{o.Before, o.After} {
			if side != nil {
				name, _, _ = unstructured.NestedString(side, "spec", "policyName")
			}
		}
		for _, other := range changes {
			if other.Ref.Kind == kind && other.Ref.Name == name {
				return judgedBy(other, changes)
			}
		}
		return nil, false
	}
	var out []domain
	for _, side := range []map[string]any{o.Before, o.After} {
		if side != nil {
			out = append(out, domainsOf(side)...)
		}
	}
	return out, true
}

// none reports whether there is no reason to doubt anything.
func (d doubts) none() bool {
	return !d.all && !d.rights && len(d.judged)+len(d.kinds)+len(d.namespaces) == 0
}

// of are those about the objects of an owner that acts as user, empty for its
// controller, which may do anything.
func (d doubts) of(user string) doubts {
	d.all = d.all || d.rights && user != ""
	return d
}

// about reports whether an object is among them.
func (d doubts) about(ref finding.Ref) bool {
	return d.all || d.judges(ref) || slices.Contains(d.kinds, groupKind(ref)) || slices.Contains(d.namespaces, ref.Namespace) && ref.Namespace != ""
}

// judges reports whether an admission policy that has changed is about an object.
func (d doubts) judges(ref finding.Ref) bool {
	if len(d.judged) == 0 || d.resource == nil {
		return len(d.judged) > 0
	}
	resource, known := d.resource(ref)
	return !known || slices.ContainsFunc(d.judged, func(x domain) bool { return x.has(ref.Group, resource) })
}
