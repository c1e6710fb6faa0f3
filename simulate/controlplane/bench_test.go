package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// BenchmarkStart is the time until a Plane serves.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(b.Context(), Options{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := p.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkEnvtest is the time until the same programs serve when envtest
// starts them in its own way.
func BenchmarkEnvtest(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for _, name := range []string{etcdName, apiServerName} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		env := &envtest.Environment{BinaryAssetsDirectory: dir}
		if _, err := env.Start(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := env.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkObject is the time of one dry run and one apply.
func BenchmarkObject(b *testing.B) {
	p, err := Start(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Stop(); err != nil {
			b.Error(err)
		}
	})
	client, err := dynamic.NewForConfig(p.Config())
	if err != nil {
		b.Fatal(err)
	}
	maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("default")
	n := 0
	for b.Loop() {
		n++
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprintf("object-%d", n)},
			"data": map[string]any{"key": "value"},
		}}
		for _, dryRun := range [][]string{{metav1.DryRunAll}, nil} {
			if _, err := maps.Apply(b.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "bench", Force: true, DryRun: dryRun}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
