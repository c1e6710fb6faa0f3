// Package resourceset renders ResourceSet objects: the templates filled with
// each of their inputs, as the Flux Operator would apply the objects.
package resourceset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
)

// The kind of the objects, and the group of the labels that name their owner.
const (
	Kind       = "ResourceSet"
	OwnerGroup = "resourceset.fluxcd.controlplane.io"
)

// group is the API group of the objects, and of the annotations that ask
// something of the operator.
const group = inputprovider.Group

// Renderer renders ResourceSet objects.
type Renderer struct{ providers *inputprovider.Renderer }

// New returns a Renderer that takes inputs as providers computes them.
func New(providers *inputprovider.Renderer) *Renderer { return &Renderer{providers: providers} }

// Kinds implements render.Renderer.
func (*Renderer) Kinds() []schema.GroupKind { return []schema.GroupKind{{Group: group, Kind: Kind}} }

// Needs implements render.Renderer: the dependencies, the input providers by
// name, and all that others apply where a selector may select any of them.
func (*Renderer) Needs(obj *render.Object, _ render.Settings) []render.Need {
	s := specOf(obj)
	var out []render.Need
	for i, item := range s.List("inputsFrom") {
		m := loose.Of(item)
		ref := finding.Ref{Group: group, Kind: inputprovider.Kind, Namespace: obj.GetNamespace(), Name: m.Text("name")}
		out = append(out, render.Need{
			Kind: render.NeedData, Ref: ref, Optional: ref.Name == "", Field: finding.Pointer("spec", "inputsFrom", strconv.Itoa(i)),
		})
	}
	if copying(obj) {
		out = append(out, render.Need{Kind: render.NeedData, Ref: finding.Ref{Kind: "ConfigMap"}, Optional: true, Field: "/spec"})
	}
	for _, d := range render.Dependencies(obj) {
		if kind := (schema.GroupKind{Group: d.Group, Kind: d.Kind}); kind == (schema.GroupKind{Group: group, Kind: Kind}) {
			out = append(out, render.Need{Kind: render.NeedDependency, Ref: d.Ref, Field: "/spec/dependsOn"})
		}
	}
	return out
}

// copying reports whether templates may ask for the content of other objects,
// so that these have to be there first.
func copying(obj *render.Object) bool {
	data, err := json.Marshal(obj.Object["spec"])
	return err == nil && slices.ContainsFunc([]string{copyFrom, convertFrom, checksumFrom}, func(key string) bool {
		return bytes.Contains(data, []byte(key))
	})
}

// Render implements render.Renderer.
func (r *Renderer) Render(ctx context.Context, in render.Input) render.Result {
	j := &job{ctx: ctx, in: in, spec: specOf(in.Object), providers: r.providers}
	res := j.run()
	if inputprovider.Paused(in.Object) {
		// A suspended object is not looked at, so nothing is wrong with it.
		return render.Result{State: render.Suspended, Reason: "reconcile-disabled", Applies: res.Applies}
	}
	return res
}

// job is one render.
type job struct {
	ctx       context.Context
	in        render.Input
	spec      loose.Fields
	providers *inputprovider.Renderer
	problems  []finding.Problem
	objects   []*render.Object
	seen      map[finding.Ref]*render.Object
	spent     spent
}

func (j *job) run() render.Result {
	inputs, res := j.inputs()
	if res != nil {
		return *res
	}
	sheets, res := j.sheets()
	if res != nil {
		return *res
	}
	j.seen = map[finding.Ref]*render.Object{}
	for _, s := range sheets {
		b, err := parsed(s.text)
		if err != nil {
			return j.template(s, err, finding.Problem{Reason: "template-syntax"})
		}
		for i, input := range inputs {
			out, err := b.execute(input.values, &j.spent)
			if err != nil {
				res := j.template(s, err, finding.Problem{Reason: "template-failed"})
				res.Problems[len(res.Problems)-1].Related = input.related(i, len(inputs))
				return res
			}
			if res := j.decode(s, b, out); res != nil {
				return *res
			}
		}
	}
	if res := j.finish(); res != nil {
		return *res
	}
	return render.Result{State: render.Rendered, Applies: j.objects, Problems: j.problems, Ready: render.Condition{
		Status: "True", Reason: "ReconciliationSucceeded", Message: "Reconciliation finished in 0s",
	}}
}

// refuse is a failure about a field of the ResourceSet.
func (j *job) refuse(p finding.Problem) *render.Result {
	if p.Object.IsZero() {
		p.Object = j.in.Object.Ref()
	}
	if p.Pos.IsZero() {
		p.Pos = j.in.Object.At(p.Field)
	}
	return &render.Result{
		State: render.Failed, Reason: p.Reason, Problems: append(j.problems, p),
		Ready: render.Condition{Status: "False", Reason: "BuildFailed", Message: p.Message},
	}
}

// template is the failure of a template, at its line in the file.
func (j *job) template(s sheet, err error, p finding.Problem) render.Result {
	line, col, message := explain(err)
	p.Field, p.Pos, p.Message, p.Hint = s.field, s.at(line, col), "the template fails: "+message, hint(message)
	return *j.refuse(p)
}

// invalid is a failure about inputs, in the words of format.
func (j *job) invalid(field, format string, args ...any) *render.Result {
	return j.refuse(finding.Problem{Reason: "inputs-invalid", Field: field, Message: fmt.Sprintf(format, args...)})
}
