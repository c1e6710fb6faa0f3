package kustomize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/resource"
)

// Built is the result of a build.
type Built struct {
	Resources []*Resource // in the order of kustomize
	plan      *Plan
}

// Resource is one built object before post-build steps.
type Resource struct {
	ID        string // as the controller prints it: ConfigMap.v1.[noGrp]/name
	Group     string
	Kind      string
	Namespace string
	Name      string

	res *resource.Resource
}

func newResource(r *resource.Resource) *Resource {
	gvk := r.GetGvk()
	return &Resource{
		ID:        fmt.Sprintf("%s/%s", gvk, r.GetName()),
		Group:     gvk.Group,
		Kind:      gvk.Kind,
		Namespace: r.GetNamespace(),
		Name:      r.GetName(),
		res:       r,
	}
}

// Incomplete returns the controller's error for an object without apiVersion,
// kind or name, else nil.
func (r *Resource) Incomplete() *Failure {
	if r.res.GetName() != "" && r.res.GetKind() != "" && r.res.GetApiVersion() != "" {
		return nil
	}
	return translate(fmt.Sprintf("failed to decode Kubernetes apiVersion, kind and name from: %s", r.res.String()))
}

// Content is the object as generic JSON.
func (r *Resource) Content() (map[string]any, error) {
	return r.res.Map()
}

// Has reports whether the object has a field at its top.
func (r *Resource) Has(field string) bool { return r.res.Field(field) != nil }

// plain reports whether substitution would leave the object as it is.
func (r *Resource) plain() bool {
	data, err := r.res.MarshalJSON()
	return err == nil && !bytes.ContainsRune(data, '$')
}

// Replace sets the whole content of the object.
func (r *Resource) Replace(content map[string]any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return r.res.UnmarshalJSON(data)
}

// JSON is the object as text.
func (r *Resource) JSON() ([]byte, error) { return r.res.MarshalJSON() }

// SetJSON sets the whole content of the object.
func (r *Resource) SetJSON(data []byte) error { return r.res.UnmarshalJSON(data) }

// Data is the data of a ConfigMap or Secret, every value as text.
func (r *Resource) Data() map[string]string { return r.res.GetDataMap() }

// SetData sets the data of a ConfigMap or Secret; there is none when it is empty.
func (r *Resource) SetData(data map[string]string) { r.res.SetDataMap(data) }

// Objects decodes what would be sent to the cluster, as the controller does:
// lists are expanded, and what is no Kubernetes object, or a kustomization
// file, is dropped without a word.
func (r *Resource) Objects() ([]*unstructured.Unstructured, *Failure) {
	// The controller goes through YAML text here, which changes nothing and
	// takes half of the time of a render.
	data, err := r.res.MarshalJSON()
	if err != nil {
		content, _ := r.res.Map()
		return nil, translate(fmt.Sprintf("kustomize build failed: %#v: %s", content, err))
	}
	out, err := decode(data)
	if err != nil {
		return nil, translate(err.Error())
	}
	return out, nil
}

func decode(data []byte) ([]*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	if !u.IsList() {
		if u.GetName() == "" || u.GetKind() == "" || u.GetAPIVersion() == "" || isKustomizationFile(u) {
			return nil, nil
		}
		return []*unstructured.Unstructured{u}, nil
	}
	var out []*unstructured.Unstructured
	err := u.EachListItem(func(item runtime.Object) error {
		o, ok := item.(*unstructured.Unstructured)
		if !ok {
			return errors.New("a list holds something that is no object")
		}
		out = append(out, o)
		return nil
	})
	return out, err
}

func isKustomizationFile(u *unstructured.Unstructured) bool {
	return strings.EqualFold(u.GetKind(), "Kustomization") && strings.HasPrefix(u.GetAPIVersion(), "kustomize.config.k8s.io/")
}
