package kustomization

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/internal/reader"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/kustomize"
)

// postBuild does to every built resource in turn what the controller does:
// check, decrypt, substitute. Ready is what the first mistake gives, as the
// controller stops there; Problems has all.
func (j *job) postBuild(built *kustomize.Built, stories []*story) *render.Result {
	in := kustomize.SubstituteInput{
		Object: j.object,
		Client: reader.New(j.ctx, j.in.Cluster),
		Strict: j.in.Settings.StrictSubstitution,
		Always: j.spec.Sub("postBuild").Text("substituteStrategy") == "Always",
	}
	var first *render.Result
	for i, r := range built.Resources {
		failure, last := j.postBuildOne(r, stories[i], in)
		in.Loaded = in.Loaded || failure == nil && !r.OptsOut()
		if failure == nil {
			continue
		}
		if first == nil {
			first = failure
		}
		if last {
			break
		}
	}
	if first != nil {
		first.Problems = j.problems
	}
	return first
}

// postBuildOne returns what is wrong with one resource, and whether the others
// would only say the same.
func (j *job) postBuildOne(r *kustomize.Resource, s *story, in kustomize.SubstituteInput) (*render.Result, bool) {
	if failure := r.Incomplete(); failure != nil {
		return j.report(failure, s.At("")), false
	}
	if failure := j.decrypt(r, s); failure != nil {
		return j.report(failure, s.At("/sops")), false
	}
	if _, ok := j.spec["postBuild"].(map[string]any); !ok {
		return nil, false
	}
	var written []render.Writer
	if content, err := r.Content(); err == nil && !r.OptsOut() {
		written = j.variables(content)
	}
	err := r.Substitute(j.ctx, in)
	if err == nil {
		s.Writers = append(s.Writers, written...)
		return nil, false
	}
	var unsure *reader.Unsure
	if errors.As(err, &unsure) {
		j.problems = append(j.problems, j.problem("data-unknown", j.substituteField(unsure.Ref),
			fmt.Sprintf("the content of %s is not known here, so no variable can be substituted", unsure.Ref)))
		return &render.Result{State: render.Unknown, Reason: "data-unknown"}, true
	}
	return j.substitutionFailure(r, s, in, r.PostBuildFailure(err))
}

func (j *job) substitutionFailure(r *kustomize.Resource, s *story, in kustomize.SubstituteInput, f *kustomize.Failure) (*render.Result, bool) {
	switch f.Reason {
	case "variable-unset":
		j.reportUnset(r, s, in)
		return refusal(f), false
	case "variable-syntax":
		return j.report(f, s.unparsable()), false
	case "substitute-source-missing":
		return j.reportMissing(f), true
	case "variable-name-invalid":
		return j.reportName(f), true
	}
	return j.report(f, s.At("")), false
}

// reportUnset states every use of a variable that has no value.
func (j *job) reportUnset(r *kustomize.Resource, s *story, in kustomize.SubstituteInput) {
	ref := finding.Ref{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
	for _, name := range r.Missing(j.ctx, in) {
		p := finding.Problem{
			Reason: "variable-unset", Object: ref,
			Message: fmt.Sprintf("variable %q has no value and no default", name),
			Hint: fmt.Sprintf("add %q to spec.postBuild.substitute of %s, or write ${%s:=default}, or $${%s} for the text itself",
				name, j.in.Object.Ref(), name, name),
			Related: []finding.Related{{Pos: j.in.Object.At("/spec/postBuild"), Message: "variables get their values here"}},
		}
		places := s.uses(name)
		if len(places) == 0 {
			places = []finding.Position{s.At("")}
		}
		for _, p.Pos = range places {
			j.problems = append(j.problems, p)
		}
	}
}

// reportMissing states every entry of substituteFrom that does not exist and must.
func (j *job) reportMissing(f *kustomize.Failure) *render.Result {
	res := refusal(f)
	before := len(j.problems)
	for i, v := range j.spec.Sub("postBuild").List("substituteFrom") {
		m := loose.Of(v)
		ref := finding.Ref{Kind: m.Text("kind"), Namespace: j.in.Object.GetNamespace(), Name: m.Text("name")}
		if _, presence := render.Content(j.ctx, j.in.Cluster, ref); presence != render.Absent || m.Flag("optional") {
			continue
		}
		p := j.problem(f.Reason, fmt.Sprintf("/spec/postBuild/substituteFrom/%d", i),
			fmt.Sprintf("%s does not exist, so no variable can be substituted", ref))
		p.Hint = hints[f.Reason]
		j.problems = append(j.problems, p)
	}
	if len(j.problems) == before {
		return j.report(f, j.in.Object.At("/spec/postBuild/substituteFrom"))
	}
	return res
}

// reportName states a name that is none of a variable where it is written, which
// may be in the ConfigMap or Secret that brings it.
func (j *job) reportName(f *kustomize.Failure) *render.Result {
	_, rest, _ := strings.Cut(f.Message, "envsubst error: '")
	name, _, _ := strings.Cut(rest, "'")
	from := j.in.Object.At(j.bringer(name))
	pos := j.definition(name)
	if pos.IsZero() {
		return j.report(f, from)
	}
	res := j.report(f, pos)
	if p := &j.problems[len(j.problems)-1]; from != pos {
		p.Related = append(p.Related, finding.Related{Pos: from, Message: "it is read here"})
	}
	return res
}

// bringer names the field that brings a variable: the last source that has it
// wins.
func (j *job) bringer(name string) string {
	post := j.spec.Sub("postBuild")
	if _, ok := post.Sub("substitute")[name]; ok {
		return finding.Pointer("spec", "postBuild", "substitute", name)
	}
	from := post.List("substituteFrom")
	for i := len(from) - 1; i >= 0; i-- {
		m := loose.Of(from[i])
		u, _ := render.Content(j.ctx, j.in.Cluster, finding.Ref{Kind: m.Text("kind"), Namespace: j.in.Object.GetNamespace(), Name: m.Text("name")})
		if u == nil {
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			if _, ok := loose.Fields(u.Object).Sub(field)[name]; ok {
				return fmt.Sprintf("/spec/postBuild/substituteFrom/%d", i)
			}
		}
	}
	return "/spec/postBuild"
}

func (j *job) substituteField(ref finding.Ref) string {
	i := slices.IndexFunc(j.spec.Sub("postBuild").List("substituteFrom"), func(v any) bool {
		return loose.Of(v).Text("kind") == ref.Kind && loose.Of(v).Text("name") == ref.Name
	})
	if i < 0 {
		return "/spec/postBuild/substituteFrom"
	}
	return fmt.Sprintf("/spec/postBuild/substituteFrom/%d", i)
}
