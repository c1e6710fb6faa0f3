package facts

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var dataDeleted = Kind{
	ID: "data-deleted", Severity: finding.Error,
	Summary: "an object that holds data, or other objects, is deleted",
	Why: `A claim takes its volume with it, a Namespace everything in it, a CustomResourceDefinition all objects of its kind, and a
Flux object what it has applied. Reverting the commit brings back the objects, not the data.`,
	Check: "make a backup, or keep it with the annotation kustomize.toolkit.fluxcd.io/prune: disabled in a commit before this one",
	find:  findDataDeleted,
}

// holders are the kinds whose deletion takes more with it than the object.
var holders = []loss{
	{kind: "PersistentVolumeClaim", destroys: "its volume and the data on it go, unless the reclaim policy of the volume is \"Retain\""},
	{kind: "PersistentVolume", destroys: "the claim that uses it is lost"},
	{kind: "Namespace", destroys: "everything in it goes"},
	{group: crdGroup, kind: "CustomResourceDefinition", destroys: "all objects of its kind go"},
	{group: "apps", kind: "StatefulSet", severity: finding.Warning, destroys: "its pods stop; claims of its templates stay, unless its retention policy deletes them"},
}

func findDataDeleted(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		i := slices.IndexFunc(holders, func(l loss) bool { return l.group == o.Ref.Group && l.kind == o.Ref.Kind })
		if o.Action != diff.Delete || i < 0 {
			continue
		}
		message := "is deleted: "
		if o.Reason == "terminating" {
			message = "is being deleted, and gone as soon as nothing uses it: "
		}
		f := o.fact("", message+holders[i].destroys)
		f.Severity = holders[i].severity
		f.Others = goneWith(s, o)
		for _, owner := range s.Owners {
			if owner.Rendered[o.Ref] != nil && owner.Ref != o.Owner {
				f.Message += "; " + owner.Ref.String() + " applies it too, but too late to keep it"
				f.Check = "move it in two steps: first annotate it with " + kustomizeGroup + "/prune: disabled, then change its owner"
				f.Others = append(f.Others, owner.Ref)
			}
		}
		out = append(out, f)
	}
	return out
}
