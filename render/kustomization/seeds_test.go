package kustomization

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

const rootText = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {interval: 10m0s, path: ./c}\n"

func TestSeeds(t *testing.T) {
	const patch = "patches:\n- target: {kind: Kustomization, name: flux-system}\n  patch: '- {op: add, path: /spec/timeout, value: 3m}'\n"
	tests := map[string]struct {
		reason   string
		files    map[string]string
		instance string
		want     map[string]any
	}{
		"patched folder": {
			reason: "bootstrap applies what kustomize builds of the folder",
			files: map[string]string{
				"c/flux-system/kustomization.yaml":   "resources: [gotk-components.yaml, gotk-sync.yaml]\n" + patch,
				"c/flux-system/gotk-components.yaml": "", "c/flux-system/gotk-sync.yaml": rootText,
			},
			want: map[string]any{"interval": "10m0s", "path": "./c", "timeout": "3m"},
		},
		"broken folder": {
			reason: "what cannot be built leaves the seeds alone",
			files: map[string]string{
				"c/flux-system/kustomization.yaml": "resources: [absent.yaml]\n", "c/flux-system/gotk-sync.yaml": rootText,
			},
			want: map[string]any{"interval": "10m0s", "path": "./c"},
		},
		"flux instance": {
			reason:   "multitenancy leaves the root the rights of its controller; patches apply to the sync, too",
			files:    map[string]string{"a.yaml": "{}"},
			instance: "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux}\nspec:\n  cluster: {multitenant: true}\n  kustomize: {patches: [{target: {kind: Kustomization}, patch: '- {op: add, path: /spec/timeout, value: 3m}'}]}\n",
			want:     map[string]any{"interval": "10m0s", "path": "./c", "timeout": "3m", "serviceAccountName": "kustomize-controller"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var root map[string]any
			if err := yaml.Unmarshal([]byte(rootText), &root); err != nil {
				t.Fatal(err)
			}
			in := SettingsInput{Tree: repo.FromFiles(test.files), Root: onDisk(t, test.files), Folder: "c/flux-system"}
			if test.instance != "" {
				in.Instance = repo.FromFiles(map[string]string{"i.yaml": test.instance}).File("i.yaml").Documents()[0]
			}
			got := Seeds([]repo.Seed{{Object: root}}, in)
			if diff := cmp.Diff(test.want, got[0].Object["spec"]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
