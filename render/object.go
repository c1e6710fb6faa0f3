package render

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// RefOf names the object.
func RefOf(u *unstructured.Unstructured) finding.Ref {
	gvk := u.GroupVersionKind()
	return finding.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// Ref names the object.
func (o *Object) Ref() finding.Ref { return RefOf(o.Unstructured) }

// At returns the place to edit for the field that the JSON pointer names: the
// last writer of it or of a part around it, else the declaring document, else
// the owner.
func (o *Object) At(pointer string) finding.Position {
	for i := len(o.Origin.Writers) - 1; i >= 0; i-- {
		w := o.Origin.Writers[i]
		if !w.Pos.IsZero() && covers(w.Pointer, pointer) {
			return w.Pos
		}
	}
	if o.Origin.Doc != nil {
		return o.Origin.Doc.At(pointer)
	}
	if !o.Origin.Place.IsZero() {
		return o.Origin.Place
	}
	if o.Origin.Owner != nil {
		p := o.Origin.Owner.At("")
		p.Precision = finding.PrecisionOwner
		return p
	}
	return finding.Position{}
}

func covers(written, pointer string) bool {
	return written == "" || pointer == written || strings.HasPrefix(pointer, written+"/")
}

// Chain returns the Flux objects from the entry point down to the owner of the object.
func (o *Object) Chain() []finding.Ref {
	if o.Origin.Owner == nil {
		return nil
	}
	return append(o.Origin.Owner.Chain(), o.Origin.Owner.Ref())
}
