package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A record masks what differs from run to run, and so must what is compared with it.
func TestMasks(t *testing.T) {
	const digest, uid = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "0f8fad5b-d9cb-469f-a165-70867728950e"
	object := func(kind, more string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: a, namespace: b}\n" + more
	}
	owner := func(more string) string {
		return "objects:\n- {apiVersion: v1, kind: Kustomization, name: a, namespace: b, " + more + "}"
	}
	for _, row := range []struct{ why, file, want, got string }{
		{"the digest of an image", "objects.yaml", object("Pod", "spec: {image: 'web@sha256:<digest>'}"), object("Pod", "spec: {image: 'web@"+digest+"'}")},
		{"a uid in data", "objects.yaml", object("ConfigMap", "data: {id: <uid>}"), object("ConfigMap", "data: {id: "+uid+"}")},
		{"an address that the server has chosen", "objects.yaml",
			object("Service", "spec: {clusterIP: <ip>, clusterIPs: [<ip>], type: ClusterIP}"), object("Service", "spec: {type: ClusterIP}")},
		{"a text that YAML 1.2 reads as a number", "objects.yaml", object("ConfigMap", "data: {a: 1e3, b: '1.5'}"), object("ConfigMap", "data: {a: '1e3', b: \"1.5\"}")},
		{"the digest of a chart", "flux.yaml",
			owner("history: ['b/a.v1 chart=x@1.0.0 sha256:<digest>']"), owner("history: ['b/a.v1 chart=x@1.0.0 " + digest + "']")},
		{"a folder of the controller", "flux.yaml",
			owner("ready: {status: 'False', message: stat <tmpdir>/kustomization-<tmp>/x}"), owner("ready: {status: 'False', message: stat <tmpdir>/kustomization-123/x}")},
		{"a commit", "flux.yaml", owner("ready: {status: 'False', message: 'at <commit:head>'}"), owner("ready: {status: 'False', message: 'at 0123456789ab'}")},
		{"a duration", "flux.yaml", owner("ready: {status: 'False', message: after <dur>}"), owner("ready: {status: 'False', message: after 1m2.5s}")},
		{"a wait that ends in one of two ways", "flux.yaml", owner("ready: {status: 'False', message: 'x failed: " + limiter + "'}"),
			owner("ready: {status: 'False', message: 'x failed: timeout waiting for: [Pod/b/x status: InProgress]'}")},
	} {
		masks := strings.NewReplacer("0123456789ab", "<commit:head>")
		required, wanted := compare(stateOf(t, row.file, row.want, strings.NewReplacer()), stateOf(t, row.file, row.got, masks))
		if len(required)+len(wanted) > 0 {
			t.Errorf("%s: %q %q", row.why, required, wanted)
		}
	}
	// What somebody asked for stays.
	asked := stateOf(t, "objects.yaml", object("Service", "spec: {clusterIP: 10.0.0.5, clusterIPs: [10.0.0.5]}"), strings.NewReplacer())
	for _, other := range []string{"10.0.0.6", "None"} {
		got := stateOf(t, "objects.yaml", object("Service", "spec: {clusterIP: "+other+", clusterIPs: ["+other+"]}"), strings.NewReplacer())
		if required, _ := compare(asked, got); len(required) != 1 {
			t.Errorf("the address %s instead of 10.0.0.5: %q", other, required)
		}
	}
}

// stateOf is a state of which one file has content.
func stateOf(t *testing.T, file, content string, masks *strings.Replacer) state {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"objects.yaml", "flux.yaml", "events.yaml"} {
		text := ""
		if name == file {
			text = content
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := load(dir, masks)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
