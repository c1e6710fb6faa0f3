package controlplane

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/utils/clock"
)

// Usage is what a Pod, a PersistentVolumeClaim or a Service takes of what a
// ResourceQuota limits, as the controller and the admission of Kubernetes count
// it: nothing when it is out of the scopes of the quota, has ended, or is of
// another kind.
func Usage(limits, object *unstructured.Unstructured) corev1.ResourceList {
	var of corev1.ResourceQuota
	if runtime.DefaultUnstructuredConverter.FromUnstructured(limits.Object, &of) != nil {
		return nil
	}
	of.Status.Hard = of.Spec.Hard // the library looks at what is in force
	by, item := evaluator(object.GetKind())
	if by == nil || object.GetAPIVersion() != "v1" || runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, item) != nil {
		return nil
	}
	if within, err := by.Matches(&of, item); err != nil || !within {
		return nil
	}
	used, err := by.Usage(item)
	if err != nil {
		return nil
	}
	return quota.Mask(used, quota.ResourceNames(of.Spec.Hard))
}

// evaluator is what counts the objects of a kind, with an empty one of them.
func evaluator(kind string) (quota.Evaluator, runtime.Object) {
	switch kind {
	case "Pod":
		return core.NewPodEvaluator(nil, clock.RealClock{}), &corev1.Pod{}
	case "PersistentVolumeClaim":
		return core.NewPersistentVolumeClaimEvaluator(nil), &corev1.PersistentVolumeClaim{}
	case "Service":
		return core.NewServiceEvaluator(nil), &corev1.Service{}
	}
	return nil, nil
}
