package resourceset

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/inputprovider"
)

// maxPermutations is how many inputs the operator makes of permutations.
const maxPermutations = 10000

// input is what the templates are filled with once.
type input struct {
	values map[string]any
	from   finding.Position // where it is declared
}

// related names the input that a template fails with, when there are several.
func (i input) related(index, of int) []finding.Related {
	if of < 2 || i.from.IsZero() {
		return nil
	}
	return []finding.Related{{Pos: i.from, Message: fmt.Sprintf("it fails with input %d of %d, which is from here", index+1, of)}}
}

// provider is somebody who provides inputs: the object itself, or one that
// inputsFrom names.
type provider struct {
	name   string
	inputs []input
}

// inputs collects the inputs. Without any provider the templates are rendered
// once; providers that provide nothing leave nothing to apply.
func (j *job) inputs() ([]input, *render.Result) {
	providers, res := j.ownInputs()
	if res != nil {
		return nil, res
	}
	seen := map[finding.Ref]bool{}
	for i := range j.spec.List("inputsFrom") {
		more, res := j.inputsFrom(i, seen)
		if res != nil {
			return nil, res
		}
		providers = append(providers, more...)
	}
	if len(providers) == 0 && len(j.spec.List("inputsFrom")) == 0 {
		return []input{{values: map[string]any{}}}, nil
	}
	var out []input
	switch strategy := j.spec.Sub("inputStrategy").Text("name"); strategy {
	case "", "Flatten":
		for _, p := range providers {
			out = append(out, p.inputs...)
		}
	case "Permute":
		if out, res = j.permute(providers); res != nil {
			return nil, res
		}
	default:
		return nil, j.invalid("/spec/inputStrategy/name", "%q is no strategy for inputs: use Flatten or Permute", strategy)
	}
	if len(out) == 0 {
		j.problems = append(j.problems, finding.Problem{
			Reason: "inputs-empty", Object: j.in.Object.Ref(), Field: "/spec/inputsFrom", Pos: j.in.Object.At("/spec/inputsFrom"),
			Message: "the input providers provide no input, so nothing is applied and everything applied before is deleted",
		})
	}
	return out, nil
}

// ownInputs are those of spec.inputs.
func (j *job) ownInputs() ([]provider, *render.Result) {
	list := j.spec.List("inputs")
	if len(list) == 0 {
		return nil, nil
	}
	own := provider{name: j.in.Object.GetName()}
	ids := map[string]int{}
	for i, item := range list {
		field := finding.Pointer("spec", "inputs", strconv.Itoa(i))
		values, ok := item.(map[string]any)
		if !ok {
			return nil, j.invalid(field, "the input %d is no mapping", i)
		}
		values = maps.Clone(values)
		if id, set := values["id"]; !set {
			values["id"] = inputprovider.ID(fmt.Sprintf("%s/%d", j.in.Object.Ref(), i))
		} else if text, ok := id.(string); ok {
			if first, twice := ids[text]; twice {
				return nil, j.invalid(field+"/id", "the inputs %d and %d have the same id %q", first, i, text)
			}
			ids[text] = i
		} else {
			return nil, j.invalid(field+"/id", "the id of an input must be a text, got %v", id)
		}
		values["provider"] = identity(j.in.Object.Unstructured)
		own.inputs = append(own.inputs, input{values, j.in.Object.At(field)})
	}
	return []provider{own}, nil
}

// identity is what templates see as inputs.provider.
func identity(u *unstructured.Unstructured) map[string]any {
	return map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), "name": u.GetName(), "namespace": u.GetNamespace()}
}

// inputsFrom are the providers of one item of spec.inputsFrom that no earlier
// item names.
func (j *job) inputsFrom(index int, seen map[finding.Ref]bool) ([]provider, *render.Result) {
	field := finding.Pointer("spec", "inputsFrom", strconv.Itoa(index))
	item := loose.Of(j.spec.List("inputsFrom")[index])
	objects, res := j.selected(field, item)
	if res != nil {
		return nil, res
	}
	var out []provider
	for _, u := range objects {
		ref := render.RefOf(u)
		if seen[ref] {
			continue
		}
		seen[ref] = true
		list, failure := j.providers.Inputs(u)
		if failure != nil {
			return nil, j.unavailable(field, ref, failure)
		}
		p := provider{name: u.GetName()}
		for _, values := range list {
			values["provider"] = identity(u)
			p.inputs = append(p.inputs, input{values, j.in.Object.At(field)})
		}
		out = append(out, p)
	}
	return out, nil
}

// selected finds the providers that an item names or selects.
func (j *job) selected(field string, item loose.Fields) ([]*unstructured.Unstructured, *render.Result) {
	name, selector := item.Text("name"), item.Sub("selector")
	kind := schema.GroupVersionKind{Group: group, Version: "v1", Kind: inputprovider.Kind}
	switch {
	case (name == "") == (item["selector"] == nil):
		return nil, j.invalid(field, "an item of inputsFrom needs either a name or a selector")
	case name != "":
		ref := finding.Ref{Group: group, Kind: inputprovider.Kind, Namespace: j.in.Object.GetNamespace(), Name: name}
		u, presence := j.in.Cluster.Get(j.ctx, ref)
		if presence == render.Absent || u == nil {
			return nil, j.refuse(finding.Problem{
				Reason: "input-provider-missing", Field: field + "/name", Message: fmt.Sprintf("%s \"%s/%s\" does not exist", ref.Kind, ref.Namespace, ref.Name),
				Hint: "declare it in the namespace of the ResourceSet, or correct the name",
			})
		}
		return []*unstructured.Unstructured{u}, nil
	}
	var typed metav1.LabelSelector
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &typed)
	if err != nil {
		return nil, j.invalid(field+"/selector", "the selector cannot be read: %v", err)
	}
	matcher, err := metav1.LabelSelectorAsSelector(&typed)
	if err != nil {
		return nil, j.invalid(field+"/selector", "the selector cannot be read: %v", err)
	}
	var out []*unstructured.Unstructured
	for _, u := range j.in.Cluster.List(j.ctx, kind, j.in.Object.GetNamespace()) {
		if matcher.Matches(labels.Set(u.GetLabels())) {
			out = append(out, u)
		}
	}
	return out, nil
}

// unavailable is the result where the inputs of a provider cannot be had.
func (j *job) unavailable(field string, ref finding.Ref, failure *inputprovider.Failure) *render.Result {
	res := j.refuse(finding.Problem{
		Reason: "inputs-unavailable", Field: field, Message: fmt.Sprintf("%s provides no inputs: %s", ref, failure.Message),
	})
	if failure.Unknown {
		res.State, res.Reason, res.Ready = render.Unknown, failure.Reason, render.Condition{}
		last := &res.Problems[len(res.Problems)-1]
		last.Reason, last.Hint = failure.Reason, failure.Hint
	}
	return res
}

// permute combines each input of a provider with each of the others. A
// template finds them by the name of their provider.
func (j *job) permute(providers []provider) ([]input, *render.Result) {
	empty, _ := j.spec.Sub("inputStrategy")["includeEmptyProviders"].(bool)
	var used []provider
	count, keys := 1, map[string]string{}
	for _, p := range providers {
		if len(p.inputs) == 0 && !empty {
			continue
		}
		key := normalized(p.name)
		if other, taken := keys[key]; taken {
			return nil, j.invalid("/spec/inputStrategy", "the providers %q and %q are both called %q in permutations", other, p.name, key)
		}
		keys[key] = p.name
		if count *= len(p.inputs); count > maxPermutations {
			return nil, j.invalid("/spec/inputStrategy", "the inputs have more than %d permutations", maxPermutations)
		}
		used = append(used, p)
	}
	if len(used) == 0 {
		return nil, nil
	}
	out := []input{{values: map[string]any{}}}
	for _, p := range used {
		var longer []input
		for _, have := range out {
			for _, one := range p.inputs {
				values := maps.Clone(have.values)
				values[normalized(p.name)] = one.values
				longer = append(longer, input{values, one.from})
			}
		}
		out = longer
	}
	for _, in := range out {
		var ids []string
		for _, p := range used {
			one := loose.Of(in.values[normalized(p.name)])
			ids = append(ids, one.Text("id"))
		}
		in.values["id"] = inputprovider.ID(strings.Join(ids, "/"))
	}
	return out, nil
}

// normalized is the name of a provider as templates of permutations have it.
func normalized(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
}
