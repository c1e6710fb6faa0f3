package simulate

import (
	"slices"

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
	rights     bool               // of whoever acts as somebody else than the controllers
	kinds      []schema.GroupKind // whose definition is another one
	namespaces []string           // that go
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
			out.all = true
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

// none reports whether there is no reason to doubt anything.
func (d doubts) none() bool {
	return !d.all && !d.rights && len(d.kinds)+len(d.namespaces) == 0
}

// of are those about the objects of an owner that acts as user, empty for its
// controller, which may do anything.
func (d doubts) of(user string) doubts {
	d.all = d.all || d.rights && user != ""
	return d
}

// about reports whether an object is among them.
func (d doubts) about(ref finding.Ref) bool {
	return d.all || slices.Contains(d.kinds, groupKind(ref)) || slices.Contains(d.namespaces, ref.Namespace) && ref.Namespace != ""
}
