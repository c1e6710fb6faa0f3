package simulate

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/simulate/advice"
)

// hint says what to do about an object that the server refuses.
func (r *replay) hint(ctx context.Context, owner finding.Ref, f Refusal) string {
	ref := f.Object.Ref()
	return advice.For(advice.Refusal{
		Object: ref, Owner: owner, Error: f.Error, Exists: f.Exists, Providers: r.providers,
		Rule: func(c diff.Cause) string { return r.schemaRule(f, c) },
		Suggest: func(field string) string {
			if r.opts.Suggest == nil {
				return ""
			}
			return r.opts.Suggest(f.Object.Object, pointerTo(f.Object, field))
		},
		Leaves:  r.deleter,
		Live:    func(field string) string { return r.heldIn(ctx, f, field) },
		Cluster: advised{ctx, r.cluster},
	})
}

// advised is the cluster as advice asks about it.
type advised struct {
	ctx     context.Context
	cluster *cluster
}

// Holds implements advice.Cluster.
func (a advised) Holds(ref finding.Ref) bool { return a.cluster.read(a.ctx, ref) != nil }

// Names implements advice.Cluster.
func (a advised) Names(group, kind, namespace string) []string {
	var out []string
	for _, u := range a.cluster.list(a.ctx, schema.GroupKind{Group: group, Kind: kind}) {
		if u.GetNamespace() == namespace && u.GetDeletionTimestamp() == nil {
			out = append(out, u.GetName())
		}
	}
	slices.Sort(out)
	return out
}

// Versions implements advice.Cluster.
func (a advised) Versions(kind string) []string {
	a.cluster.directory.refresh()
	_, lists, _ := discovery.ServerGroupsAndResources(a.cluster.directory)
	var out []string
	for _, list := range lists {
		if slices.ContainsFunc(list.APIResources, func(res metav1.APIResource) bool { return res.Kind == kind && !strings.Contains(res.Name, "/") }) {
			out = append(out, list.GroupVersion)
		}
	}
	slices.Sort(out)
	return out
}

// heldIn is what the cluster holds in a field of an object that the server
// refuses to change, as JSON. Secrets are not shown.
func (r *replay) heldIn(ctx context.Context, f Refusal, field string) string {
	live := r.cluster.read(ctx, f.Object.Ref())
	if live == nil || field == "" || live.GetKind() == "Secret" || len(r.hidden[f.Object.Ref()]) > 0 {
		return ""
	}
	o := &render.Object{Unstructured: &unstructured.Unstructured{Object: r.uids.stable(live.Object)}}
	var at any = o.Object
	for _, token := range finding.Tokens(pointerTo(o, field)) {
		at = child(at, token)
	}
	out, err := json.Marshal(at)
	if err != nil || at == nil {
		return ""
	}
	return string(out)
}

// providers are the Flux objects that apply an object, or the definition of a
// kind when the reference has no name.
func (r *replay) providers(missing finding.Ref) []finding.Ref {
	var out []finding.Ref
	for _, owner := range sortedRefs(r.memory) {
		for _, o := range r.memory[owner].rendered {
			defines := missing.Name == "" && definition(o.Object) == missing
			if o.Ref() == missing || defines {
				out = append(out, owner)
				break
			}
		}
	}
	return out
}

// definition is the kind that a CustomResourceDefinition defines, without a name.
func definition(obj map[string]any) finding.Ref {
	if obj["kind"] != crdKind.Kind {
		return finding.Ref{}
	}
	group, _, _ := unstructured.NestedString(obj, "spec", "group")
	kind, _, _ := unstructured.NestedString(obj, "spec", "names", "kind")
	return finding.Ref{Group: group, Kind: kind}
}

// schemaRule is the rule of a custom resource's schema that gives a cause.
func (r *replay) schemaRule(f Refusal, c diff.Cause) string {
	gvk := f.Object.GroupVersionKind()
	for _, ref := range sortedRefs(r.applied) {
		o := r.applied[ref]
		if definition(o.Object) != (finding.Ref{Group: gvk.Group, Kind: gvk.Kind}) {
			continue
		}
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		for _, item := range versions {
			v, _ := item.(map[string]any)
			schema, _, _ := unstructured.NestedMap(v, "schema", "openAPIV3Schema")
			if text(v["name"]) == gvk.Version {
				return ruleAt(schema, finding.Tokens(pointerTo(f.Object, c.Field)), c.Message)
			}
		}
	}
	return ""
}

// ruleAt finds the rule whose message the server gives at a field of a schema.
func ruleAt(schema map[string]any, tokens []string, message string) string {
	for _, t := range tokens {
		next, ok, _ := unstructured.NestedMap(schema, "properties", t)
		if !ok {
			if next, ok, _ = unstructured.NestedMap(schema, "items"); !ok {
				if next, ok, _ = unstructured.NestedMap(schema, "additionalProperties"); !ok {
					return ""
				}
			}
		}
		schema = next
	}
	rules, _, _ := unstructured.NestedSlice(schema, "x-kubernetes-validations")
	for _, item := range rules {
		rule, _ := item.(map[string]any)
		if said := text(rule["message"]); said != "" && strings.Contains(message, said) {
			return text(rule["rule"])
		}
	}
	return ""
}

// deleter is the Flux object that has deleted an object in this step, or the
// definition of a kind when the reference has no name, zero for none.
func (r *replay) deleter(ref finding.Ref) finding.Ref {
	for _, o := range r.step.observed {
		defined := ref.Name == "" && definition(o.Before) == ref
		if (o.Ref == ref || defined) && o.Action == diff.Delete {
			return o.Owner
		}
	}
	return finding.Ref{}
}
