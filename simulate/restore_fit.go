package simulate

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// podSecurity starts the labels by which a namespace judges pods.
const podSecurity = "pod-security.kubernetes.io/"

var (
	jobKind    = schema.GroupKind{Group: "batch", Kind: "Job"}
	podKind    = schema.GroupKind{Kind: "Pod"}
	volumeKind = schema.GroupKind{Kind: "PersistentVolume"}
)

// foreign drops, step by step, what another cluster has given to an object and
// this one may refuse: ranges of addresses and ports are not the same everywhere.
var foreign = map[schema.GroupKind][]func(*unstructured.Unstructured){
	serviceKind: {
		func(u *unstructured.Unstructured) {
			for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} {
				unstructured.RemoveNestedField(u.Object, "spec", field)
			}
		},
		func(u *unstructured.Unstructured) {
			unstructured.RemoveNestedField(u.Object, "spec", "healthCheckNodePort")
			ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
			for _, p := range ports {
				if m, ok := p.(map[string]any); ok {
					delete(m, "nodePort")
				}
			}
			if ports != nil {
				_ = unstructured.SetNestedSlice(u.Object, ports, "spec", "ports")
			}
		},
	},
}

// bare is an object without what another server has set, its owners named as here.
func (r restorer) bare(u *unstructured.Unstructured) *unstructured.Unstructured {
	c := u.DeepCopy()
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	c.SetUID("")
	for _, field := range []string{"creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		unstructured.RemoveNestedField(c.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(c.Object, "status")
	var owners []metav1.OwnerReference
	for _, o := range u.GetOwnerReferences() {
		if here := r.uids[o.UID]; here != "" {
			o.UID = here
			owners = append(owners, o)
		}
	}
	c.SetOwnerReferences(owners)
	switch c.GroupVersionKind().GroupKind() {
	case jobKind:
		withoutSelector(c)
	case podKind: // debuggers can only be added to a Pod that runs
		unstructured.RemoveNestedField(c.Object, "spec", "ephemeralContainers")
	case crdKind:
		withSchemas(c)
	case namespaceKind:
		labels := maps.Clone(c.GetLabels())
		maps.DeleteFunc(labels, func(label, _ string) bool { return strings.HasPrefix(label, podSecurity) })
		c.SetLabels(labels)
	case volumeKind:
		r.bind(c)
	}
	return c
}

// bind makes a volume belong to the claim of this cluster.
func (r restorer) bind(volume *unstructured.Unstructured) {
	claim, ok, _ := unstructured.NestedMap(volume.Object, "spec", "claimRef")
	if !ok {
		return
	}
	delete(claim, "resourceVersion")
	if here := r.uids[types.UID(text(claim["uid"]))]; here != "" {
		claim["uid"] = string(here)
	}
	_ = unstructured.SetNestedMap(volume.Object, claim, "spec", "claimRef")
}

// withoutSelector takes out of a Job what its server has made up from its uid.
func withoutSelector(job *unstructured.Unstructured) {
	if manual, _, _ := unstructured.NestedBool(job.Object, "spec", "manualSelector"); manual {
		return
	}
	unstructured.RemoveNestedField(job.Object, "spec", "selector")
	for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"} {
		unstructured.RemoveNestedField(job.Object, "spec", "template", "metadata", "labels", label)
	}
}

// withSchemas writes a definition of the days before schemas, which only exists
// where it is older than its server, as a new one has to be written.
func withSchemas(crd *unstructured.Unstructured) {
	if old, _, _ := unstructured.NestedBool(crd.Object, "spec", "preserveUnknownFields"); !old {
		return
	}
	unstructured.RemoveNestedField(crd.Object, "spec", "preserveUnknownFields")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		m, _ := v.(map[string]any)
		if m == nil {
			continue
		}
		if _, ok, _ := unstructured.NestedMap(m, "schema", "openAPIV3Schema"); !ok {
			m["schema"] = map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}
		}
		_ = unstructured.SetNestedField(m, true, "schema", "openAPIV3Schema", "x-kubernetes-preserve-unknown-fields")
	}
	_ = unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")
}
