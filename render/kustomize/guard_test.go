package kustomize

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	tests := []struct {
		reason, name, data string
		want               []string
	}{
		{"web and git addresses", "kustomization.yaml", "resources: [a.yaml, 'https://x/y.yaml', github.com/o/r, 'git@host:o/r']\n",
			[]string{"https://x/y.yaml", "github.com/o/r", "git@host:o/r"}},
		{"keys in any case, as the decoder takes them", "kustomization.yml", "Resources: ['HTTPS://x/y']\n", []string{"HTTPS://x/y"}},
		{"a folder of this machine", "Kustomization", "bases: ['file:///etc']\n", []string{"file:///etc"}},
		{"files of generators and patches", "kustomization.yaml",
			"configMapGenerator:\n- files: ['k=https://x/f']\n  envs: ['http://x/e']\npatches:\n- path: https://x/p\n",
			[]string{"https://x/p", "http://x/e", "https://x/f"}},
		{"annotations are no paths", "kustomization.yaml", "commonAnnotations: {a: 'https://x'}\n", nil},
		{"inline built-in plugin", "kustomization.yaml", "transformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  path: https://x/p\n", []string{"https://x/p"}},
		{"built-in plugin in a file", "t.yaml", "apiVersion: builtin\nkind: ConfigMapGenerator\nfiles: ['k=https://x/f']\n", []string{"https://x/f"}},
		{"a plain manifest is not looked at", "a.yaml", "kind: X\npath: https://x/f\n", nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, addresses(test.name, []byte(test.data))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestBasesThatListEachOtherManyTimes(t *testing.T) {
	files := map[string]string{"kustomization.yaml": "resources: [a0, a0, a0, a0]\n"}
	for i := range 14 {
		files[fmt.Sprintf("a%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../a%d, ../a%d, ../a%d, ../a%d]\n", i+1, i+1, i+1, i+1)
	}
	files["a14/kustomization.yaml"] = "resources: []\nlabels: []\nnamespace: x\n"
	_, failure := attempt(Input{Root: artifact(t, files), Object: fluxObject(nil), MaxReads: 500})
	if failure == nil || failure.Reason != "build-without-end" {
		t.Errorf("%+v, want build-without-end", failure)
	}
}
