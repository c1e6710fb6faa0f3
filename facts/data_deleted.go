package facts

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var dataDeleted = Kind{
	ID: "data-deleted", Severity: finding.Error,
	Summary: "an object that holds data, or other objects, is deleted",
	Why: `A claim takes its volume with it, a Namespace everything in it, a CustomResourceDefinition all objects of its kind, and a
Flux object what it has applied. Reverting the commit brings back the objects, not the data.`,
	Check: "make a backup, or keep it with an annotation in a commit before this one: kustomize.toolkit.fluxcd.io/prune: disabled, " +
		"helm.sh/resource-policy: keep for what a HelmRelease applies, fluxcd.controlplane.io/prune: disabled for a ResourceSet",
	find: findDataDeleted,
}

// Postponed is the reason of an Object that its owner will delete.
const Postponed = "postponed"

func findDataDeleted(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range slices.Concat(s.Objects, s.Postponed) {
		if f, ok := s.fewerClaims(o); ok && f.Severity != finding.Info {
			out = append(out, f)
		}
		if o.Action != diff.Delete {
			continue
		}
		destroys, severity := s.taken(o)
		if destroys == "" {
			continue
		}
		message := "is deleted: "
		if o.Reason == "terminating" {
			message = "is being deleted, and gone as soon as nothing uses it: "
		}
		if o.Reason == Postponed {
			message = "is deleted as soon as " + o.Owner.String() + " applies what it should: "
		}
		f := o.fact("", message+destroys)
		f.Severity, f.Others, f.Check = severity, s.goneWith(o), s.keptBy(o)
		for _, owner := range s.Owners {
			if owner.Rendered[o.Ref] != nil && owner.Ref != o.Owner {
				f.Message += "; " + owner.Ref.String() + " applies it too, but too late to keep it"
				f.Check = movedSafely(o.Owner)
				f.Others = append(f.Others, owner.Ref)
			}
		}
		out = append(out, f)
	}
	return out
}

// taken says what goes with an object whose deletion takes more than itself,
// and how bad that is.
func (s Step) taken(o Object) (string, finding.Severity) {
	switch {
	case o.Ref.Group == "" && o.Ref.Kind == "PersistentVolumeClaim":
		return s.fate(o.Before)
	case o.Ref.Group == "" && o.Ref.Kind == "PersistentVolume":
		return "the claim that uses it is lost", finding.Error
	case o.Ref.Group == "" && o.Ref.Kind == "Namespace":
		return "everything in it goes" + s.undeclared(s.goneWith(o)), finding.Error
	case definesKind(o.Ref):
		return "all objects of its kind go" + s.undeclared(o.Instances), finding.Error
	case o.Ref.Group == "apps" && o.Ref.Kind == "StatefulSet":
		return s.stopped(o)
	}
	return "", ""
}

// maxNamed is how many objects a message names.
const maxNamed = 3

// undeclared says which objects nobody in the repository declares.
func (s Step) undeclared(objects []finding.Ref) string {
	var names []string
	for _, ref := range objects {
		if s.Declared != nil && !s.Declared(ref) {
			names = append(names, ref.String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	out := ", with " + counted(len(names), "object") + " that nobody in the repository declares: " + strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		out += ", " + counted(more, "more object")
	}
	return out
}

// goneWith lists the objects that go because another one does. What the cluster
// itself makes in every namespace counts as nothing.
func (s Step) goneWith(o Object) []finding.Ref {
	out := append([]finding.Ref{}, o.Instances...)
	if o.Ref.Kind != "Namespace" || o.Ref.Group != "" {
		return out
	}
	for _, other := range s.Objects {
		made := other.Ref.Group == "" && (other.Ref.Kind == "ServiceAccount" && other.Ref.Name == "default" || other.Ref.Kind == "ConfigMap" && other.Ref.Name == "kube-root-ca.crt")
		if other.Ref.Namespace == o.Ref.Name && !made && (other.Action == diff.Delete || other.Action == diff.Recreate) {
			out = append(out, other.Ref)
		}
	}
	return out
}

// within is the namespace that an object goes with, zero when that stays.
func (s Step) within(o Object) finding.Ref {
	for _, other := range s.Objects {
		if other.Ref.Kind == "Namespace" && other.Ref.Group == "" && other.Ref.Name == o.Ref.Namespace && (other.Action == diff.Delete || other.Action == diff.Recreate) {
			return other.Ref
		}
	}
	return finding.Ref{}
}

// keptBy says how to keep an object that its owner deletes.
func (s Step) keptBy(o Object) string {
	if ns := s.within(o); !ns.IsZero() {
		return "make a backup, or keep " + ns.String()
	}
	if keep := keeping(o.Owner); keep != "" {
		return "make a backup, or keep it with the annotation " + keep
	}
	return "make a backup"
}

// keeping is the annotation that keeps an owner from deleting an object, and
// when it has to be there.
func keeping(owner finding.Ref) string {
	switch owner.Group {
	case helmGroup:
		return "helm.sh/resource-policy: keep in a release before this one"
	case operatorGroup:
		return operatorGroup + "/prune: disabled in a commit before this one"
	case kustomizeGroup:
		return kustomizeGroup + "/prune: disabled in a commit before this one"
	}
	return ""
}

// movedSafely says how an object leaves an owner without being deleted.
func movedSafely(from finding.Ref) string {
	keep, _, _ := strings.Cut(keeping(from), " in a ")
	if keep == "" {
		keep = kustomizeGroup + "/prune: disabled"
	}
	return "move it in two steps: first annotate it with " + keep + ", then change its owner"
}
