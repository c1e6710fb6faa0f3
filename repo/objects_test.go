package repo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/repo"
)

func TestObjects(t *testing.T) {
	const one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata:\n  key: value\n"
	for _, c := range []struct {
		why, name, text string
		want            []string // name and place of data.key
		err             string
	}{
		{"a document", "a.yaml", one, []string{"one a.yaml:5:8"}, ""},
		{"several documents, an empty one among them", "a.yaml", one + "---\n---\n" + one, []string{"one a.yaml:5:8", "one a.yaml:12:8"}, ""},
		{"a List, as kubectl prints it", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: one}\n  data:\n    key: value\n",
			[]string{"one a.yaml:8:10"}, ""},
		{"a List in JSON", "a.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"key":"v"}}]}`,
			[]string{"one a.json:1:121"}, ""},
		{"a List of a kind", "a.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: one}\n  data: {key: v}\n",
			[]string{"one a.yaml:7:15"}, ""},
		{"a List without items", "a.yaml", "apiVersion: v1\nkind: List\n", nil, ""},
		{"a List of no items", "a.yaml", "apiVersion: v1\nkind: List\nitems: []\n", nil, ""},
		{"a plain sequence", "a.yaml", "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: one}\n  data: {key: v}\n", []string{"one a.yaml:4:15"}, ""},
		{"an object that has items itself", "a.yaml", "apiVersion: v1\nkind: Shelf\nmetadata: {name: one}\nitems: [1]\ndata: {key: v}\n", []string{"one a.yaml:5:13"}, ""},
		{"another extension", "a.txt", one, []string{"one a.txt:5:8"}, ""},
		{"a List in a List", "a.yaml", "kind: List\nitems:\n- kind: ConfigMapList\n  items:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: one}\n    data: {key: v}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: two}\n  data: {key: v}\n",
			[]string{"one a.yaml:8:17", "two a.yaml:12:15"}, ""},
		{"a List of null", "a.json", `{"kind":"ConfigMapList","apiVersion":"v1","items":null}`, nil, ""},
		{"a List in itself", "a.yaml", "kind: List\nitems: &all\n- {kind: List, items: *all}\n", nil, "a.yaml:"},
		{"a sequence in a List", "a.yaml", "kind: List\nitems:\n- [1]\n", nil, "a.yaml:3:3: the document is no mapping: every document"},
		{"nothing", "a.yaml", "", nil, ""},
		{"no kind", "a.yaml", "- apiVersion: v1\n  metadata: {name: one}\n", nil, `a.yaml:1:3: an object has no kind`},
		{"no name", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  namespace: x\n", nil, `a.yaml:3:1: an object has no metadata.name`},
		{"an item that is no object", "a.yaml", "- one\n", nil, `a.yaml:1:3: the document is no mapping`},
		{"broken YAML", "a.yaml", "kind: ConfigMap\nmetadata: {name: one\n", nil, `a.yaml:2`},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := repo.ObjectFile(path, c.name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := f.Objects()
		if (err != nil) != (c.err != "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", c.why, err, c.err)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.Object["metadata"].(map[string]any)["name"].(string)+" "+s.Doc.At("/data/key").String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}
