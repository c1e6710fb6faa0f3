package controlplane

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// load is what one cluster takes in.
type load struct {
	Given   []*unstructured.Unstructured `json:"given"`   // there before, not dry-run
	Objects []*unstructured.Unstructured `json:"objects"` // in the order in which they are applied
}

// BenchmarkObjects is the time in which a control plane for each cluster in the
// file that FLUX_REHEARSE_OBJECTS names starts and takes its objects: a dry run
// and an apply of each, one after the other, and nothing else. That is the least
// that a replay of them can take.
func BenchmarkObjects(b *testing.B) {
	file := os.Getenv("FLUX_REHEARSE_OBJECTS")
	if file == "" {
		b.Skip("FLUX_REHEARSE_OBJECTS names no file with objects")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var clusters []load
	if err := json.Unmarshal(data, &clusters); err != nil {
		b.Fatal(err)
	}
	var refused atomic.Int64
	for b.Loop() {
		group, ctx := errgroup.WithContext(b.Context())
		group.SetLimit(runtime.NumCPU())
		for _, c := range clusters {
			group.Go(func() error {
				n, err := c.take(ctx, b.TempDir())
				refused.Add(int64(n))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(refused.Load())/float64(b.N), "refused/op")
}

// intake applies objects to a plane.
type intake struct {
	client  dynamic.Interface
	mapper  meta.RESTMapper
	defined map[schema.GroupVersionKind]resource // by the definitions among the objects
	refused int
}

// resource is where objects of a kind are served.
type resource struct {
	at         schema.GroupVersionResource
	namespaced bool
}

// definitions are the kinds that definitions among objects bring.
func definitions(objects []*unstructured.Unstructured) map[schema.GroupVersionKind]resource {
	out := map[schema.GroupVersionKind]resource{}
	for _, u := range objects {
		if u.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(u.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
		plural, _, _ := unstructured.NestedString(u.Object, "spec", "names", "plural")
		scope, _, _ := unstructured.NestedString(u.Object, "spec", "scope")
		versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
		for _, v := range versions {
			if version, isMap := v.(map[string]any); isMap && version["served"] == true {
				gv := schema.GroupVersion{Group: group, Version: version["name"].(string)}
				out[gv.WithKind(kind)] = resource{gv.WithResource(plural), scope == "Namespaced"}
			}
		}
	}
	return out
}

func (l load) take(ctx context.Context, dir string) (refused int, err error) {
	p, err := Start(ctx, Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() {
		if stop := p.Stop(); err == nil {
			err = stop
		}
	}()
	config := p.Config()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return 0, err
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return 0, err
	}
	groups, err := restmapper.GetAPIGroupResources(found)
	if err != nil {
		return 0, err
	}
	in := &intake{client: client, mapper: restmapper.NewDiscoveryRESTMapper(groups), defined: definitions(slices.Concat(l.Given, l.Objects))}
	for _, u := range l.Given {
		in.send(ctx, u, nil)
	}
	for _, u := range l.Objects {
		in.send(ctx, u, []string{metav1.DryRunAll})
		in.send(ctx, u, nil)
	}
	return in.refused, ctx.Err()
}

// where tells where objects of a kind are served. A kind that nobody defines is
// served nowhere.
func (in *intake) where(gvk schema.GroupVersionKind) (resource, error) {
	if r, ok := in.defined[gvk]; ok {
		return r, nil
	}
	m, err := in.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return resource{}, err
	}
	return resource{m.Resource, m.Scope.Name() == meta.RESTScopeNameNamespace}, nil
}

func (in *intake) send(ctx context.Context, u *unstructured.Unstructured, dryRun []string) {
	const patience, pause = 5 * time.Second, 5 * time.Millisecond
	r, err := in.where(u.GroupVersionKind())
	for begin := time.Now(); err == nil; time.Sleep(pause) {
		var to dynamic.ResourceInterface = in.client.Resource(r.at)
		if r.namespaced {
			to = in.client.Resource(r.at).Namespace(u.GetNamespace())
		}
		_, err = to.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "floor", Force: true, DryRun: dryRun})
		if !unserved(err) || time.Since(begin) > patience {
			break
		}
		err = nil // its definition has come, and is not served yet
	}
	if err != nil && !apierrors.IsConflict(err) && len(dryRun) == 0 {
		in.refused++
	}
}

// unserved tells the answer about a kind from that about a namespace or a
// parent that is not there.
func unserved(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
