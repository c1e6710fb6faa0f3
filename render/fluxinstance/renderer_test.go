package fluxinstance

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
)

// TestRender says what a FluxInstance applies, or why it does not.
func TestRender(t *testing.T) {
	const head = "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux}\nspec:\n  distribution: {version: 2.x}\n"
	tests := []struct {
		why, text string
		state     render.State
		reason    string
		want      map[string]any // spec by kind
	}{
		{"without sync nothing that is known", head, render.Rendered, "", map[string]any{}},
		{"a branch of a Git repository", head + "  sync: {kind: GitRepository, url: 'https://a.test/b', ref: refs/heads/main, path: c, pullSecret: s}\n", render.Rendered, "", map[string]any{
			"GitRepository/flux/flux": map[string]any{"interval": "1m", "url": "https://a.test/b", "ref": map[string]any{"name": "refs/heads/main"}, "secretRef": map[string]any{"name": "s"}},
			"Kustomization/flux/flux": map[string]any{"interval": "10m", "path": "c", "prune": true, "sourceRef": map[string]any{"kind": "GitRepository", "name": "flux"}},
		}},
		{"a bucket with a name of its own, patched", head + "  kustomize: {patches: [{target: {kind: Kustomization}, patch: '- {op: add, path: /spec/timeout, value: 3m}'}]}\n" +
			"  sync: {kind: Bucket, name: fleet, url: a.test, ref: b, path: c}\n", render.Rendered, "", map[string]any{
			"Bucket/flux/fleet":        map[string]any{"interval": "1m", "endpoint": "a.test", "bucketName": "b"},
			"Kustomization/flux/fleet": map[string]any{"interval": "10m", "path": "c", "prune": true, "timeout": "3m", "sourceRef": map[string]any{"kind": "Bucket", "name": "fleet"}},
		}},
		{"a source of another kind", head + "  sync: {kind: HelmRepository, url: a.test}\n", render.Failed, "instance-sync", map[string]any{}},
		{"a patch that fails", head + "  kustomize: {patches: [{target: {kind: Kustomization}, patch: '- {op: remove, path: /spec/gone}'}]}\n  sync: {url: a.test}\n", render.Failed, "instance-patch", map[string]any{}},
	}
	for _, tt := range tests {
		d := repo.FromFiles(map[string]string{"flux.yaml": tt.text}).Documents()[0]
		m, err := d.Map()
		if err != nil {
			t.Fatal(err)
		}
		o := &render.Object{Unstructured: &unstructured.Unstructured{Object: m}, Origin: render.Origin{Doc: d}}
		res := New().Render(context.Background(), render.Input{Object: o})
		got := map[string]any{}
		for _, a := range res.Applies {
			got[a.Ref().String()] = a.Object["spec"]
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || res.State != tt.state || res.Reason != tt.reason {
			t.Errorf("%s: %s %s %v\n%s", tt.why, res.State, res.Reason, res.Problems, diff)
		}
	}
}
