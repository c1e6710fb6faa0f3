package kustomize

import (
	"strings"
	"testing"

	flux "github.com/fluxcd/pkg/apis/kustomize"
	"github.com/google/go-cmp/cmp"
)

const release = `# Source: chart/templates/a.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {team: chart}
spec:
  template:
    spec:
      containers:
      - name: web
        image: nginx:1.0
`

func TestPostRender(t *testing.T) {
	tests := map[string]struct {
		reason string
		in     PostRenderInput
		want   string
		err    string
	}{
		"origin labels": {
			reason: "every chart gets them although no post-renderer is set",
			in:     PostRenderInput{Manifests: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n")},
			want: `apiVersion: v1
kind: ConfigMap
metadata:
  labels:
    helm.toolkit.fluxcd.io/name: rel
    helm.toolkit.fluxcd.io/namespace: apps
  name: a
`,
		},
		"order": {
			reason: "patches run before images of one step; common metadata loses against the origin labels",
			in: PostRenderInput{
				Manifests: []byte(release),
				Steps: []PostRenderStep{{
					Patches: []flux.Patch{{Patch: `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"other:1"}]`,
						Target: &flux.Selector{Kind: "Deployment"}}},
					Images: []flux.Image{{Name: "other", NewTag: "2"}},
				}},
				Labels:      map[string]string{"team": "common", "helm.toolkit.fluxcd.io/name": "mine"},
				Annotations: map[string]string{"note": "1"},
			},
			want: `apiVersion: apps/v1
kind: Deployment
metadata:
  annotations:
    note: "1"
  labels:
    helm.toolkit.fluxcd.io/name: rel
    helm.toolkit.fluxcd.io/namespace: apps
    team: common
  name: web
spec:
  template:
    spec:
      containers:
      - image: other:2
        name: web
`,
		},
		"duplicate": {
			reason: "the ResMap refuses two objects of one identity that plain Helm would take",
			in:     PostRenderInput{Manifests: []byte(release + "---\n" + release)},
			err:    "may not add resource with an already registered id: Deployment.v1.apps/web.[noNs]",
		},
		"missing target": {
			reason: "a strategic merge patch without target must find its object",
			in: PostRenderInput{Manifests: []byte(release), Steps: []PostRenderStep{{Patches: []flux.Patch{
				{Patch: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: absent}\ndata: {a: b}\n"}}}}},
			err: "no resource matches strategic merge patch",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.in.Name, test.in.Namespace = "rel", "apps"
			got, err := PostRender(test.in)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want %q: %s", err, test.err, test.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
