package facts

import (
	"slices"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var versionUnserved = Kind{
	ID: "version-unserved", Severity: finding.Warning,
	Summary: "a version of a custom resource is served no more, and objects were written in it",
	Why: `The objects stay, but whoever reads or writes them in that version fails: scripts, other controllers, and Flux itself, which
prunes an object in the version of its inventory, and fails each time when that is not served.`,
	Check: "write these objects in a version that is served, in a commit before this one",
	find:  findVersionUnserved,
}

func findVersionUnserved(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if !definesKind(o.Ref) || !o.altered() {
			continue
		}
		for _, version := range Unserved(o.Before, o.After) {
			var users []finding.Ref
			for _, u := range o.Written {
				if writtenIn(u, text(o.After, "spec", "group")+"/"+version) {
					users = append(users, refOf(u))
				}
			}
			if len(users) == 0 {
				continue
			}
			f := o.fact("/spec/versions", "serves "+version+" no more, and "+counted(len(users), "object")+" of its kind "+agree(len(users), "is", "are")+" written in it")
			f.From, f.Others = version, users
			out = append(out, f)
		}
	}
	return out
}

func definesKind(ref finding.Ref) bool {
	return ref.Group == crdGroup && ref.Kind == "CustomResourceDefinition"
}

// Unserved lists the versions that a CustomResourceDefinition served before and
// does not serve after.
func Unserved(before, after map[string]any) []string {
	is := servedBy(after)
	return slices.DeleteFunc(servedBy(before), func(v string) bool { return slices.Contains(is, v) })
}

func servedBy(crd map[string]any) []string {
	var out []string
	for _, v := range items(crd, "spec", "versions") {
		if truth(v, "served") {
			out = append(out, text(v, "name"))
		}
	}
	return out
}

// writtenIn reports whether somebody's fields of an object are in a version.
func writtenIn(obj map[string]any, apiVersion string) bool {
	return slices.ContainsFunc(items(obj, "metadata", "managedFields"), func(m any) bool { return text(m, "apiVersion") == apiVersion })
}
