package kustomization

import (
	"fmt"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func BenchmarkRender(b *testing.B) {
	files := map[string]string{"ks.yaml": ownerFile + "  postBuild:\n    substitute:\n      known: x\n", "app/kustomization.yaml": "namespace: apps\nresources:\n"}
	for i := range 50 {
		name := fmt.Sprintf("d%02d.yaml", i)
		files["app/"+name] = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web" + fmt.Sprint(i) + "\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx:${known}\n"
		files["app/kustomization.yaml"] += "- " + name + "\n"
	}
	f := newFleet(b, files)
	b.ResetTimer()
	for range b.N {
		if res := f.render(); res.State != render.Rendered || len(res.Applies) != 50 {
			b.Fatal(res.Ready.Message)
		}
	}
}
