package rules

import (
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	claim("substitute-source-missing")
	register(validate.Rule{
		ID:       "reference/substitute-from-missing",
		Severity: finding.Error,
		Summary:  "a ConfigMap or Secret for substitution does not exist",
		Why: "The controller reports BuildFailed until the object exists, unless the reference is optional. It looks in the namespace of the " +
			"Kustomization only. " + whyData,
		Fix: "create the object before, in the namespace of the Kustomization, name a file that has it under cluster: in the file of --config, " +
			"or set optional: true",
		Since: "0.1.0",
		Reads: validate.ReadsWorld,
		Check: func(p *validate.Pass) {
			for _, s := range p.Stated("substitute-source-missing") {
				reportData(p, s, "spec", "postBuild", "substituteFrom")
			}
		},
	})
}

// whyData is what the rules about missing ConfigMaps and Secrets have in common.
const whyData = "What another object makes in the cluster, such as an ExternalSecret, is not missing: its content is unknown, and so is the result. " +
	"The result is unknown, too, and this a warning, where an object of unknown content may make it: a Kustomization or ResourceSet that cannot be rendered, " +
	"a chart of the same namespace that is not at hand, or a maker whose template gives the name. " +
	"A Secret that nothing makes is a warning as long as nobody says which Secrets are made by hand; it is an error as soon as a file under cluster: or --live has one. " +
	"Where an owner that fails may make it, this is a consequence and an info."

// reportData reports a reference to a ConfigMap or Secret that does not exist,
// as whyData says.
func reportData(p *validate.Pass, s validate.Statement, fields ...string) {
	f := validate.FromProblem(s.Problem, s.Owner.Object)
	missing, pointer := missingData(p.World, s, fields...)
	if missing.IsZero() {
		p.Report(f)
		return
	}
	f.Field, f.Pos = pointer+"/name", s.Owner.Object.At(pointer+"/name")
	other, maker := namesake(p.World, missing), p.World.PossibleMaker(missing, s.Owner.Object)
	switch {
	case s.Owner.State == render.Unknown && maker != nil:
		f.Severity = finding.Warning
		f.Related = append(f.Related, finding.Related{Pos: maker.At(""), Message: maker.Ref().String() + ", whose content is not known here, may make it"})
	case other != nil:
		f.Hint = "there is one in namespace \"" + other.GetNamespace() + "\", but a reference never leaves its own namespace; create it in \"" + missing.Namespace + "\""
		f.Related = append(f.Related, finding.Related{Pos: other.At("/metadata/namespace"), Message: other.Ref().String() + " is here"})
	case p.World.Settings.Complete:
	case missing.Kind == "Secret" && uncertain(p.World, s):
		f.Severity = finding.Info
	case missing.Kind == "Secret" && !handMade(p.World), uncertain(p.World, s):
		f.Severity = finding.Warning
		f.Hint = "name a file that has it under cluster: in the file of --config, if it is made by hand; else " + f.Hint
	}
	p.Report(f)
}

// handMade reports whether the user says which Secrets are made by hand.
func handMade(w *render.World) bool {
	return slices.ContainsFunc(w.Objects(), func(o *render.Object) bool {
		return o.Origin.Outside && !o.Origin.Invented && o.GetKind() == "Secret"
	})
}

// uncertain reports whether another owner, which fails for something else, may
// make the object.
func uncertain(w *render.World, s validate.Statement) bool {
	return slices.ContainsFunc(active(w), func(out *render.Outcome) bool {
		return out.State == render.Failed && lacking(out) && out.Reason != s.Owner.Reason
	})
}

// missingData names the object that the Problem is about, and the pointer of
// the reference to it: that of the Problem, if it has one, else the first one
// that neither exists nor is made by another object.
func missingData(w *render.World, s validate.Statement, fields ...string) (finding.Ref, string) {
	for _, r := range dataReferences(s.Owner.Object, fields...) {
		optional, _ := r.Fields["optional"].(bool)
		if optional || w.Object(r.Ref) != nil || w.Producer(r.Ref) != nil {
			continue
		}
		if strings.HasPrefix(s.Problem.Field+"/", r.Pointer+"/") || s.Problem.Field == "" || s.Problem.Field == finding.Pointer(fields...) {
			return r.Ref, r.Pointer
		}
	}
	return finding.Ref{}, ""
}

// namesake finds an object of the same kind and name in another namespace.
func namesake(w *render.World, ref finding.Ref) *render.Object {
	for _, o := range w.Objects() {
		if r := o.Ref(); r.Group == ref.Group && r.Kind == ref.Kind && r.Name == ref.Name {
			return o
		}
	}
	return nil
}
