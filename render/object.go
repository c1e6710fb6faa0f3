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
// the owner. A field that nobody wrote is at its nearest parent that somebody
// did.
func (o *Object) At(pointer string) finding.Position {
	for i := len(o.Origin.Writers) - 1; i >= 0; i-- {
		w := o.Origin.Writers[i]
		if !w.Pos.IsZero() && covers(w.Pointer, pointer) {
			return w.Pos
		}
	}
	if o.Origin.Doc != nil {
		return o.declaredAt(pointer)
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

// KeyAt is At for a field whose name is to be edited, not its value.
func (o *Object) KeyAt(pointer string) finding.Position {
	pos := o.At(pointer)
	if o.Origin.Doc != nil && pos == o.Origin.Doc.At(pointer) {
		return o.Origin.Doc.KeyAt(pointer)
	}
	return pos
}

// declaredAt is the place in the declaring document, or in what a writer adds
// to it when that is nearer.
func (o *Object) declaredAt(pointer string) finding.Position {
	for p := pointer; p != "" && o.Origin.Doc.Node(p) == nil; p = p[:strings.LastIndexByte(p, '/')] {
		for _, w := range o.Origin.Writers {
			if !w.Pos.IsZero() && w.What != "label" && w.Pointer != p && covers(p, w.Pointer) {
				pos := w.Pos
				pos.Precision = finding.PrecisionParent
				return pos
			}
		}
	}
	return o.Origin.Doc.At(pointer)
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
