package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	jsonpatch "github.com/wI2L/jsondiff"
	helm "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// drift compares the objects of the stored release with those of the cluster.
func (r *run) drift(ctx context.Context, rel *helm.Release) (jsondiff.DiffSet, error) {
	dry := true
	c, err := client.New(r.cluster.config, client.Options{DryRun: &dry})
	if err != nil {
		return nil, err
	}
	objects, err := utils.ReadObjects(strings.NewReader(rel.Manifest))
	if err != nil {
		return nil, fmt.Errorf("failed to read objects from release manifest: %w", err)
	}
	if err := normalize.UnstructuredListWithScheme(objects, c.Scheme()); err != nil {
		return nil, fmt.Errorf("failed to normalize release objects: %w", err)
	}
	for _, u := range objects {
		owned(u, rel)
		r.complete(u, rel.Namespace)
	}
	options := []jsondiff.ListOption{
		jsondiff.FieldOwner(FieldManager),
		jsondiff.ExclusionSelector{v2.DriftDetectionMetadataKey: v2.DriftDetectionDisabledValue},
		jsondiff.Rationalize(true),
		jsondiff.Graceful(true),
	}
	if rules := ignoreRules(r.hr.GetDriftDetection().Ignore); len(rules) > 0 {
		options = append(options, rules)
	}
	return jsondiff.UnstructuredList(ctx, c, objects, options...)
}

// maskSecrets hides the data of Secrets as the controller does before it writes
// its log: in the patch itself, so that the data cannot be corrected after it.
func maskSecrets(set jsondiff.DiffSet) {
	for _, d := range set {
		if d.Type == jsondiff.DiffTypeUpdate && d.GroupVersionKind().Kind == "Secret" {
			jsondiff.MaskSecretPatchData(d.Patch)
		}
	}
}

// owned adds what Helm adds to each object of a release.
func owned(u *unstructured.Unstructured, rel *helm.Release) {
	labels, annotations := u.GetLabels(), u.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels["app.kubernetes.io/managed-by"] = "Helm"
	annotations["meta.helm.sh/release-name"] = rel.Name
	annotations["meta.helm.sh/release-namespace"] = rel.Namespace
	u.SetLabels(labels)
	u.SetAnnotations(annotations)
}

func ignoreRules(spec []v2.IgnoreRule) jsondiff.IgnoreRules {
	var rules jsondiff.IgnoreRules
	for _, rule := range spec {
		out := jsondiff.IgnoreRule{Paths: rule.Paths}
		if t := rule.Target; t != nil {
			out.Selector = &jsondiff.Selector{
				Group: t.Group, Version: t.Version, Kind: t.Kind, Name: t.Name, Namespace: t.Namespace,
				AnnotationSelector: t.AnnotationSelector, LabelSelector: t.LabelSelector,
			}
		}
		rules = append(rules, out)
	}
	return rules
}

// driftText has a line for each object that differs.
func driftText(set jsondiff.DiffSet) string {
	var lines []string
	for _, d := range set {
		name := objectName(d.DesiredObject)
		switch d.Type {
		case jsondiff.DiffTypeCreate:
			lines = append(lines, name+" removed")
		case jsondiff.DiffTypeExclude:
			lines = append(lines, name+" excluded")
		case jsondiff.DiffTypeUpdate:
			count := map[string]int{}
			for _, p := range d.Patch {
				count[p.Type]++
			}
			lines = append(lines, fmt.Sprintf("%s changed (%d additions, %d changes, %d removals)", name,
				count[jsonpatch.OperationAdd], count[jsonpatch.OperationReplace], count[jsonpatch.OperationRemove]))
		}
	}
	return strings.Join(lines, "\n")
}

func objectName(o client.Object) string {
	parts := []string{o.GetObjectKind().GroupVersionKind().Kind}
	if o.GetNamespace() != "" {
		parts = append(parts, o.GetNamespace())
	}
	return strings.Join(append(parts, o.GetName()), "/")
}

// correct brings objects back to what the release says: missing ones first,
// both in the order in which kinds are applied.
func (r *run) correct(ctx context.Context, set jsondiff.DiffSet) error {
	r.markUnknown(meta.ReadyCondition, meta.ProgressingReason, "correcting cluster drift")
	c, err := client.New(r.cluster.config, client.Options{})
	if err != nil {
		return err
	}
	var done, failures []string
	for _, kind := range []jsondiff.DiffType{jsondiff.DiffTypeCreate, jsondiff.DiffTypeUpdate} {
		for _, d := range ofType(set, kind) {
			what, err := r.correctOne(ctx, c, d)
			if err != nil {
				failures = append(failures, err.Error())
				continue
			}
			done = append(done, objectName(d.DesiredObject)+" "+what)
		}
	}
	release := r.hr.Status.History.Latest().FullReleaseName()
	switch {
	case len(failures) > 0 && len(done) > 0:
		r.tellWarning("DriftCorrectionFailed", fmt.Sprintf("Failed to partially correct cluster state of release %s:\n%s\n\nSuccessful corrections:\n%s",
			release, strings.Join(failures, "\n"), strings.Join(done, "\n")))
	case len(failures) > 0:
		r.tellWarning("DriftCorrectionFailed", fmt.Sprintf("Failed to correct cluster state of release %s:\n%s", release, strings.Join(failures, "\n")))
	case len(done) > 0:
		r.tellNormal("DriftCorrected", fmt.Sprintf("Cluster state of release %s has been corrected:\n%s", release, strings.Join(done, "\n")))
	}
	return nil
}

func ofType(set jsondiff.DiffSet, kind jsondiff.DiffType) []*jsondiff.Diff {
	var out []*jsondiff.Diff
	for _, d := range set {
		if d.Type == kind {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b *jsondiff.Diff) int {
		x, y := a.GroupVersionKind().GroupKind(), b.GroupVersionKind().GroupKind()
		if !ssa.Equals(x, y) {
			if ssa.IsLessThan(x, y) {
				return -1
			}
			return 1
		}
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return out
}

func (r *run) correctOne(ctx context.Context, c client.Client, d *jsondiff.Diff) (string, error) {
	object, ok := d.DesiredObject.DeepCopyObject().(client.Object)
	if !ok {
		return "", fmt.Errorf("%s is no object", objectName(d.DesiredObject))
	}
	if d.Type == jsondiff.DiffTypeCreate {
		if err := c.Create(ctx, object, client.FieldOwner(FieldManager)); err != nil {
			return "", fmt.Errorf("%s creation failure: %w", objectName(object), err)
		}
		return "created", nil
	}
	patch, err := json.Marshal(d.Patch)
	if err == nil {
		err = c.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(FieldManager))
	}
	if err != nil {
		if d.GroupVersionKind().Kind == "Secret" && apierrors.IsInvalid(err) {
			// The server quotes the refused object; only the end of the text is no secret.
			err = errors.New(strings.TrimSpace(err.Error()[strings.LastIndex(err.Error(), ":")+1:]))
		}
		return "", fmt.Errorf("%s patch failure: %w", objectName(object), err)
	}
	return "configured", nil
}
