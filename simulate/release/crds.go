package release

import (
	"bytes"
	"context"
	"fmt"
	"time"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"helm.sh/helm/v4/pkg/action"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/kube"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
)

// definitions are the CustomResourceDefinitions of a chart, and how to apply them.
type definitions struct {
	config     *action.Configuration
	policy     v2.CRDsPolicy
	serverSide bool
	chart      *helmchart.Chart
	values     map[string]any
}

// applyCRDs applies what the folders crds of the chart and its enabled
// subcharts hold, before anything is rendered. With server-side apply the
// policy Create updates what exists in some versions of the controller.
func (r *run) applyCRDs(ctx context.Context, d definitions) error {
	switch d.policy {
	case "":
		d.policy = v2.Create
	case v2.Skip, v2.Create, v2.CreateReplace:
	default:
		return fmt.Errorf("invalid CRD upgrade policy '%s', valid values are '%s', '%s' or '%s'", d.policy, v2.Skip, v2.Create, v2.CreateReplace)
	}
	if d.policy == v2.Skip || len(d.chart.CRDObjects()) == 0 {
		return nil
	}
	if err := chartutil.ProcessDependencies(d.chart, d.values); err != nil {
		return fmt.Errorf("failed to process chart dependencies: %w", err)
	}
	list, err := r.buildCRDs(d)
	if err != nil {
		return err
	}
	applied, err := r.sendCRDs(ctx, d, list)
	if err != nil || len(applied) == 0 {
		return err
	}
	if err := r.established(ctx, applied); err != nil {
		return fmt.Errorf("failed to wait for CustomResourceDefinition(s): %w", err)
	}
	r.cluster.mapper.Reset()
	return nil
}

// buildCRDs reads the files. What is no CustomResourceDefinition is left out.
func (r *run) buildCRDs(d definitions) (kube.ResourceList, error) {
	var list kube.ResourceList
	for _, file := range d.chart.CRDObjects() {
		found, err := d.config.KubeClient.Build(bytes.NewReader(file.File.Data), false)
		if err != nil {
			return nil, fmt.Errorf("failed to parse CustomResourceDefinitions from %s: %w", file.Name, err)
		}
		for _, info := range found {
			if gvk := info.Mapping.GroupVersionKind; gvk.Group == apiextensionsv1.GroupName && gvk.Kind == "CustomResourceDefinition" {
				list = append(list, info)
			}
		}
	}
	accessor := meta.NewAccessor()
	for _, info := range list {
		labels, err := accessor.Labels(info.Object)
		if err != nil {
			return nil, err
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[v2.GroupVersion.Group+"/name"] = r.hr.Name
		labels[v2.GroupVersion.Group+"/namespace"] = r.hr.Namespace
		if err := accessor.SetLabels(info.Object, labels); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *run) sendCRDs(ctx context.Context, d definitions, list kube.ResourceList) (kube.ResourceList, error) {
	if d.policy == v2.CreateReplace {
		return r.replaceCRDs(ctx, d, list)
	}
	var applied kube.ResourceList
	for i, info := range list {
		if d.serverSide && !r.req.Settings.UpdatesCRDs() {
			if existing := *info; existing.Get() == nil {
				continue
			}
		}
		done, err := d.config.KubeClient.Create(list[i:i+1], kube.ClientCreateOptionServerSideApply(d.serverSide, d.serverSide))
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, fmt.Errorf("failed to create CustomResourceDefinition %s: %w", info.Name, err)
		}
		if done != nil {
			applied = append(applied, done.Created...)
		}
	}
	return applied, nil
}

// replaceCRDs creates and updates. Nothing is deleted, as what exists is only
// looked up by the names of what is applied.
func (r *run) replaceCRDs(ctx context.Context, d definitions, list kube.ResourceList) (kube.ResourceList, error) {
	clients, err := apiextensions.NewForConfig(r.cluster.config)
	if err != nil {
		return nil, err
	}
	var existing kube.ResourceList
	for _, info := range list {
		live, err := clients.CustomResourceDefinitions().Get(ctx, info.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("failed to get CustomResourceDefinition %s: %w", info.Name, err)
		}
		existing = append(existing, &resource.Info{
			Client: info.Client, Mapping: info.Mapping, Name: live.Name, Object: live, ResourceVersion: live.ResourceVersion,
		})
	}
	options := []kube.ClientUpdateOption{kube.ClientUpdateOptionServerSideApply(d.serverSide, d.serverSide)}
	if !d.serverSide {
		options = append(options, kube.ClientUpdateOptionForceReplace(true))
	}
	done, err := d.config.KubeClient.Update(existing, list, options...)
	if err != nil {
		return nil, fmt.Errorf("failed to update CustomResourceDefinition(s): %w", err)
	}
	return append(append(kube.ResourceList{}, done.Created...), done.Updated...), nil
}

// established waits until the server serves the kinds and says so in its
// discovery: the chart may hold objects of them.
func (r *run) established(ctx context.Context, list kube.ResourceList) error {
	const limit, least, most = 60 * time.Second, 5 * time.Millisecond, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := least
	for _, info := range list {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(info.Object)
		if err != nil {
			return err
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, crd); err != nil {
			return err
		}
		for !r.discovered(crd) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("CustomResourceDefinition/%s is not established: %w", info.Name, ctx.Err())
			case <-time.After(pause):
			}
			pause = min(2*pause, most) // to ask costs the server as much as to define
			r.cluster.mapper.Reset()
		}
	}
	return nil
}

// discovered reports whether discovery lists all served versions of the kind.
// Only what is established is listed.
func (r *run) discovered(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, v := range crd.Spec.Versions {
		if !v.Served {
			continue
		}
		kind := schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}
		if _, err := r.cluster.mapper.RESTMapping(kind, v.Name); err != nil {
			return false
		}
	}
	return true
}
