package simulate

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// probe starts the names of the objects that find out which admission policies
// the server knows by now. None is used twice: the server may know the last one still.
const probe = "flux-rehearse-probe"

// policies are the kinds of admission policies that the server evaluates itself.
var policies = []string{"ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"}

// isPolicy reports whether the object takes part in an admission policy.
func isPolicy(ref finding.Ref) (kind string, ok bool) {
	for _, kind := range policies {
		if ref.Group == admissionGroup && (ref.Kind == kind || ref.Kind == kind+"Binding") {
			return kind, true
		}
	}
	return "", false
}

// decided takes note of an object that was written, where the server learns
// with a delay that it decides about others.
func (r *replay) decided(ref finding.Ref) {
	if kind, ok := isPolicy(ref); ok {
		r.unenforced[kind] = true
	}
	if groupKind(ref) == limitRangeKind {
		r.limited = ref.Namespace
	}
}

// enforce waits until the server enforces the LimitRanges and admission policies that were
// written so far: it learns of them with a delay, in order. A policy of our own
// that is enforced shows that those before it are.
func (r *replay) enforce(ctx context.Context) error {
	if err := r.limitsSeen(ctx); err != nil {
		return err
	}
	for _, kind := range policies {
		if !r.unenforced[kind] {
			continue
		}
		delete(r.unenforced, kind)
		if kind == policies[0] {
			r.shadow(ctx)
		}
		r.readParams(ctx, kind)
		if err := r.probe(ctx, kind); err != nil {
			r.note("it is not known whether the server enforces objects of kind %q yet: %v", kind, err)
		}
		r.recorder.repeats.enforced()
		if err := r.alive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readParams takes note of what the bindings of a kind of policy read.
func (r *replay) readParams(ctx context.Context, kind string) {
	kinds := map[string]finding.Ref{}
	for _, u := range r.cluster.list(ctx, schema.GroupKind{Group: admissionGroup, Kind: kind}) {
		version, _, _ := unstructured.NestedString(u.Object, "spec", "paramKind", "apiVersion")
		of, _, _ := unstructured.NestedString(u.Object, "spec", "paramKind", "kind")
		if gv, err := schema.ParseGroupVersion(version); err == nil && of != "" {
			kinds[u.GetName()] = finding.Ref{Group: gv.Group, Kind: of}
		}
	}
	for _, u := range r.cluster.list(ctx, schema.GroupKind{Group: admissionGroup, Kind: kind + "Binding"}) {
		policy, _, _ := unstructured.NestedString(u.Object, "spec", "policyName")
		param, ok := kinds[policy]
		param.Name, _, _ = unstructured.NestedString(u.Object, "spec", "paramRef", "name")
		if ok && !slices.Contains(r.params, param) {
			r.params = append(r.params, param)
		}
	}
}

// isParam reports whether an admission policy reads the object. The server learns
// of it with the delay with which it learns of policies.
func (r *replay) isParam(ref finding.Ref) bool {
	return slices.ContainsFunc(r.params, func(p finding.Ref) bool {
		return groupKind(p) == groupKind(ref) && (p.Name == "" || p.Name == ref.Name)
	})
}

func (r *replay) probe(ctx context.Context, kind string) error {
	m, err := r.cluster.mapper.RESTMapping(schema.GroupKind{Group: admissionGroup, Kind: kind})
	if err != nil {
		return err
	}
	r.probes++
	name := fmt.Sprintf("%s-%d", probe, r.probes)
	version := m.GroupVersionKind.GroupVersion().String()
	for _, u := range []*unstructured.Unstructured{probePolicy(version, kind, name), probeBinding(version, kind, name)} {
		if err := r.cluster.plain.Create(ctx, u); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		defer func() { _ = r.cluster.plain.Delete(ctx, u) }()
	}
	return wait.PollUntilContextTimeout(ctx, 2*pollInterval, stageTimeout, true, func(ctx context.Context) (bool, error) {
		u := made("v1", "ConfigMap", "default", name)
		err := r.cluster.plain.Create(ctx, u, client.DryRunAll)
		return err != nil || u.GetLabels()[probe] != "", r.alive(ctx)
	})
}

// probePolicy refuses or labels the probe and nothing else.
func probePolicy(version, kind, name string) *unstructured.Unstructured {
	u := made(version, kind, "", name)
	spec := map[string]any{
		"failurePolicy": "Fail",
		"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
			"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"configmaps"},
		}}},
		"matchConditions": []any{map[string]any{"name": "probe", "expression": "object.metadata.name == '" + name + "'"}},
	}
	if kind == policies[0] {
		spec["validations"] = []any{map[string]any{"expression": "false"}}
	} else {
		spec["reinvocationPolicy"] = "Never"
		spec["mutations"] = []any{map[string]any{"patchType": "ApplyConfiguration", "applyConfiguration": map[string]any{
			"expression": "Object{metadata: Object.metadata{labels: {'" + probe + "': 'true'}}}",
		}}}
	}
	u.Object["spec"] = spec
	return u
}

func probeBinding(version, kind, name string) *unstructured.Unstructured {
	u := made(version, kind+"Binding", "", name)
	spec := map[string]any{"policyName": name}
	if kind == policies[0] {
		spec["validationActions"] = []any{"Deny"}
	}
	u.Object["spec"] = spec
	return u
}
