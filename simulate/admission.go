package simulate

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// probe is the name of the objects that find out which admission policies the
// server knows by now.
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

// enforce waits until the server enforces the admission policies that were
// written so far: it learns of them with a delay, in order. A policy of our own
// that is enforced shows that those before it are.
func (r *replay) enforce(ctx context.Context) error {
	for _, kind := range policies {
		if !r.unenforced[kind] {
			continue
		}
		delete(r.unenforced, kind)
		if err := r.probe(ctx, kind); err != nil {
			r.note("it is not known whether the server enforces objects of kind %q yet: %v", kind, err)
		}
		if err := r.alive(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) probe(ctx context.Context, kind string) error {
	m, err := r.cluster.mapper.RESTMapping(schema.GroupKind{Group: admissionGroup, Kind: kind})
	if err != nil {
		return err
	}
	version := m.GroupVersionKind.GroupVersion().String()
	for _, u := range []*unstructured.Unstructured{probePolicy(version, kind), probeBinding(version, kind)} {
		if err := r.cluster.plain.Create(ctx, u); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		defer func() { _ = r.cluster.plain.Delete(ctx, u) }()
	}
	return wait.PollUntilContextTimeout(ctx, 2*pollInterval, stageTimeout, true, func(ctx context.Context) (bool, error) {
		u := made("v1", "ConfigMap", "default", probe)
		err := r.cluster.plain.Create(ctx, u, client.DryRunAll)
		return err != nil || u.GetLabels()[probe] != "", r.alive(ctx)
	})
}

// probePolicy refuses or labels the probe and nothing else.
func probePolicy(version, kind string) *unstructured.Unstructured {
	u := made(version, kind, "", probe)
	spec := map[string]any{
		"failurePolicy": "Fail",
		"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
			"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"configmaps"},
		}}},
		"matchConditions": []any{map[string]any{"name": "probe", "expression": "object.metadata.name == '" + probe + "'"}},
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

func probeBinding(version, kind string) *unstructured.Unstructured {
	u := made(version, kind+"Binding", "", probe)
	spec := map[string]any{"policyName": probe}
	if kind == policies[0] {
		spec["validationActions"] = []any{"Deny"}
	}
	u.Object["spec"] = spec
	return u
}
