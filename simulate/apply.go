package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	ssautils "github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// apply applies what a Kustomization renders, in the stages and with the
// options of kustomize-controller.
func (r *replay) apply(ctx context.Context, a *attempt) error {
	a.changes = ssa.NewChangeSet()
	cl, err := r.cluster.as(r.userOf(a.k))
	if err != nil {
		return err
	}
	patient := r.prompting(&departures{Client: cl})
	m := r.applierWith(patient, a.k)
	objects, err := r.prepare(m, a)
	if err != nil || len(objects) == 0 {
		return err
	}
	changes, err := r.applyStaged(ctx, staged{patient, m, objects, r.applyOptions(a.k)})
	log := changeLog(changes)
	if changes != nil {
		r.keepChanges(a.subject, changes)
		a.changes.Append(changes.Entries)
	}
	r.served(objects)
	if err != nil {
		r.refusedLate(a, err)
		r.tryRest(ctx, a, m, objects)
		return fmt.Errorf("%w\n%s", err, log)
	}
	r.applies(a.result.Applies)
	if log = strings.TrimSuffix(log, "\n"); log != "" {
		a.drifted = true
		r.event(a.subject.ref, "Normal", "Progressing", log)
	}
	return nil
}

// applier is the server-side apply of a Kustomization under its service account.
func (r *replay) applier(_ context.Context, k *kustomizev1.Kustomization) (*ssa.ResourceManager, error) {
	cl, err := r.cluster.as(r.userOf(k))
	if err != nil {
		return nil, err
	}
	return r.applierWith(cl, k), nil
}

func (r *replay) applierWith(cl client.Client, k *kustomizev1.Kustomization) *ssa.ResourceManager {
	by := authorityOf(k.GroupVersionKind().GroupKind())
	// The controller reads object by object unless its feature DisableStatusPollerCache is off.
	poller := polling.NewStatusPoller(cl, r.cluster.mapper, polling.Options{ClusterReaderFactory: engine.ClusterReaderFactoryFunc(clusterreader.NewDirectClusterReader)})
	return ssa.NewResourceManager(&forerunner{Client: cl, manager: by.manager}, poller, ssa.Owner{Field: by.manager, Group: by.labels})
}

// userOf is the user that a Kustomization acts as, empty for the controller itself.
func (r *replay) userOf(k *kustomizev1.Kustomization) string {
	name := k.Spec.ServiceAccountName
	if name == "" && !operated(finding.Ref{Group: k.GroupVersionKind().Group}) {
		name = r.step.input.Settings.KustomizeDefaultServiceAccount
	}
	if name == "" {
		return ""
	}
	return serviceAccount(k.Namespace, name)
}

// prepare copies the rendered objects and marks them as the controller does:
// owner labels first, common metadata after the normalisation, so that the
// latter wins.
func (r *replay) prepare(m *ssa.ResourceManager, a *attempt) ([]*unstructured.Unstructured, error) {
	objects := make([]*unstructured.Unstructured, 0, len(a.result.Applies))
	for _, o := range a.result.Applies {
		objects = append(objects, o.Unstructured.DeepCopy())
	}
	m.SetOwnerLabels(objects, a.k.Name, a.k.Namespace)
	if err := normalize.UnstructuredList(objects); err != nil {
		return nil, err
	}
	if c := a.k.Spec.CommonMetadata; c != nil {
		ssautils.SetCommonMetadata(objects, c.Labels, c.Annotations)
	}
	for _, u := range objects {
		if _, sops := u.Object["sops"]; sops && ssautils.IsSecret(u) && !optsOut(u) {
			return nil, fmt.Errorf("%s is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
				ssautils.FmtUnstructured(u))
		}
	}
	return objects, nil
}

// optsOut reports whether an object is to stay encrypted.
func optsOut(u *unstructured.Unstructured) bool {
	return strings.EqualFold(u.GetAnnotations()[kustomizeGroup+"/decrypt"], kustomizev1.DisabledValue)
}

// applyOptions are the options that kustomize-controller applies with.
func (r *replay) applyOptions(k *kustomizev1.Kustomization) ssa.ApplyOptions {
	by := authorityOf(k.GroupVersionKind().GroupKind())
	key := func(name string) string { return by.annotations + "/" + name }
	opts := ssa.ApplyOptions{
		Force: k.Spec.Force,
		ExclusionSelector: map[string]string{
			key("reconcile"): kustomizev1.DisabledValue,
			key("ssa"):       kustomizev1.IgnoreValue,
		},
		IfNotPresentSelector: map[string]string{key("ssa"): kustomizev1.IfNotPresentValue},
		ForceSelector:        map[string]string{key("force"): kustomizev1.EnabledValue},
		WaitInterval:         pollInterval,
		WaitTimeout:          stageTimeout,
		MigrateAPIVersion:    r.step.input.Settings.MigrateAPIVersion,
		CustomStageKinds:     customStages(append(slices.Clone(r.step.input.Settings.CustomStageKinds), by.early...)),
		Cleanup: ssa.ApplyCleanupOptions{
			Annotations:   []string{corev1.LastAppliedConfigAnnotation, key("checksum"), "fluxcd.io/sync-checksum"},
			Labels:        []string{"fluxcd.io/sync-gc-mark"},
			FieldManagers: overridden(by.manager, r.step.input.Settings.OverrideManagers),
			Exclusions:    map[string]string{key("ssa"): kustomizev1.MergeValue},
		},
	}
	for _, rule := range k.Spec.Ignore {
		ignore := jsondiff.IgnoreRule{Paths: rule.Paths}
		if t := rule.Target; t != nil {
			ignore.Selector = &jsondiff.Selector{
				Group: t.Group, Version: t.Version, Kind: t.Kind, Name: t.Name, Namespace: t.Namespace,
				AnnotationSelector: t.AnnotationSelector, LabelSelector: t.LabelSelector,
			}
		}
		opts.DriftIgnoreRules = append(opts.DriftIgnoreRules, ignore)
	}
	return opts
}

// overridden lists the field managers whose fields the controller takes over.
func overridden(manager string, more []string) []ssa.FieldManager {
	out := []ssa.FieldManager{
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
		{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
		{Name: manager, OperationType: metav1.ManagedFieldsOperationUpdate},
	}
	for _, name := range more {
		out = append(out,
			ssa.FieldManager{Name: name, OperationType: metav1.ManagedFieldsOperationApply},
			ssa.FieldManager{Name: name, OperationType: metav1.ManagedFieldsOperationUpdate})
	}
	return out
}

func customStages(names []string) map[schema.GroupKind]struct{} {
	out := map[schema.GroupKind]struct{}{}
	for _, name := range names {
		if set, err := ssautils.ParseGroupKindSet(name); err == nil {
			for gk := range set {
				out[gk] = struct{}{}
			}
		}
	}
	return out
}

// changeLog lists what changed, one object a line.
func changeLog(changes *ssa.ChangeSet) string {
	var b strings.Builder
	if changes == nil {
		return ""
	}
	for _, e := range changes.Entries {
		if e.Action == ssa.CreatedAction || e.Action == ssa.ConfiguredAction || e.Action == ssa.DeletedAction {
			b.WriteString(e.String() + "\n")
		}
	}
	return b.String()
}

// served makes the next render ask the server again for what it serves.
func (r *replay) served(objects []*unstructured.Unstructured) {
	for _, u := range objects {
		if ssautils.IsCRD(u) {
			r.cluster.lapse()
		}
	}
}

// originals finds the rendered object for an applied one.
func (a *attempt) original(u *unstructured.Unstructured) *render.Object {
	for _, o := range a.result.Applies {
		if o.Ref() == render.RefOf(u) && o.GetAPIVersion() == u.GetAPIVersion() {
			return o
		}
	}
	return &render.Object{Unstructured: u}
}
