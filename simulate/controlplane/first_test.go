package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// TestFirstObjects compares the objects of the linked control plane with those
// of the same version, started as Kubernetes starts it.
func TestFirstObjects(t *testing.T) {
	planes := alike(t)
	// What a Start promises is there at once; the rest comes a moment later.
	got := objects(t, planes[0].Config())
	for _, want := range []string{"ClusterRole//cluster-admin", "ClusterRoleBinding//cluster-admin", "Role/kube-system/extension-apiserver-authentication-reader",
		"RoleBinding/kube-public/system:controller:bootstrap-signer", "PriorityClass//system-node-critical", "Namespace//default"} {
		if got[want] == nil {
			t.Errorf("no %s is there when the plane is ready", want)
		}
	}
	sameObjects(t, planes)
}

// sameObjects waits until two planes hold the same, for what controllers make a
// moment later.
func sameObjects(t *testing.T, planes []*Plane) {
	t.Helper()
	var diff string
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		diff = cmp.Diff(objects(t, planes[1].Config()), objects(t, planes[0].Config()))
		return diff == "", nil
	})
	if err != nil {
		t.Errorf("the objects differ (-as Kubernetes starts it +linked):\n%s", diff)
	}
}

// alike starts the linked control plane, and the same version as Kubernetes starts it.
func alike(t *testing.T) []*Plane {
	t.Helper()
	t.Setenv("KUBEBUILDER_ASSETS", "")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	assets := t.TempDir()
	for _, name := range []string{etcdName, apiServerName} {
		if err := os.Symlink(self, filepath.Join(assets, name)); err != nil {
			t.Fatal(err)
		}
	}
	var planes []*Plane
	for _, dir := range []string{"", assets} {
		p, err := Start(t.Context(), Options{Assets: dir, Dir: t.TempDir(), ServiceRange: narrowServiceRange})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop() })
		planes = append(planes, p)
	}
	return planes
}

// objects lists all that an API server stores, by kind, namespace and name,
// without what differs from start to start.
func objects(t *testing.T, config *rest.Config) map[string]map[string]any {
	t.Helper()
	config.WarningHandler = rest.NoWarnings{}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := found.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			// A lease has the random name of its server.
			if !slices.Contains(r.Verbs, "list") || r.Kind == "Lease" || r.Kind == "Event" || r.Kind == "ComponentStatus" {
				continue
			}
			gv, err := schema.ParseGroupVersion(list.GroupVersion)
			if err != nil {
				t.Fatal(err)
			}
			all, err := client.Resource(gv.WithResource(r.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range all.Items {
				o.SetUID("")
				o.SetResourceVersion("")
				o.SetCreationTimestamp(metav1.Time{})
				fields := o.GetManagedFields()
				for i := range fields {
					fields[i].Time = nil
				}
				o.SetManagedFields(fields)
				delete(o.Object, "data") // certificates and the date, in ConfigMaps
				steady(o.Object)
				out[o.GetKind()+"/"+o.GetNamespace()+"/"+o.GetName()] = o.Object
			}
		}
	}
	return out
}

// steady removes what differs from start to start: the times of conditions, and the port of the server,
// which the Service of the server names.
func steady(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "lastTransitionTime")
		delete(v, "targetPort")
		for _, item := range v {
			steady(item)
		}
	case []any:
		for _, item := range v {
			steady(item)
		}
	}
}
