package diff_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/diff"
)

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestObjects(t *testing.T) {
	tests := []struct {
		name, why     string
		before, after string
		want          []diff.Field
	}{{
		name: "scalar", why: "a changed number keeps its YAML form",
		before: "spec: {replicas: 2}", after: "spec: {replicas: 3}",
		want: []diff.Field{{Pointer: "/spec/replicas", Label: "spec.replicas", Kind: diff.Changed, Before: "2", After: "3"}},
	}, {
		name: "type", why: "a string that looks like a number is told apart from the number",
		before: `data: {a: "5"}`, after: "data: {a: 5}",
		want: []diff.Field{{Pointer: "/data/a", Label: "data.a", Kind: diff.Changed, Before: `"5"`, After: "5"}},
	}, {
		name: "volatile", why: "what the server keeps for itself is no difference, but a deletion is",
		before: `{metadata: {name: a, uid: x, resourceVersion: "1", generation: 1, creationTimestamp: t, selfLink: s, managedFields: [1]}, status: {a: 1}}`,
		after:  `{metadata: {name: a, deletionTimestamp: d}, status: {a: 2}}`,
		want:   []diff.Field{{Pointer: "/metadata/deletionTimestamp", Label: "metadata.deletionTimestamp", Kind: diff.Added, After: "d"}},
	}, {
		name: "keyed by name", why: "an item that moved is compared with itself; the index is the one after the change",
		before: "spec: {containers: [{name: web, image: 'a:1'}, {name: log, image: l}]}",
		after:  "spec: {containers: [{name: new, image: m}, {name: web, image: 'a:2'}]}",
		want: []diff.Field{
			{Pointer: "/spec/containers/0", Label: "spec.containers[new]", Kind: diff.Added, After: "{image: m, name: new}"},
			{Pointer: "/spec/containers/1", Label: "spec.containers[log]", Kind: diff.Removed, Before: "{image: l, name: log}"},
			{Pointer: "/spec/containers/1/image", Label: "spec.containers[web].image", Kind: diff.Changed, Before: "a:1", After: "a:2"},
		},
	}, {
		name: "ports", why: "a missing protocol is TCP, as in the Kubernetes schema",
		before: "ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]",
		after:  "ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]",
		want:   []diff.Field{{Pointer: "/ports/1/protocol", Label: "ports[53/TCP].protocol", Kind: diff.Added, After: "TCP"}},
	}, {
		name: "mounts", why: "where the name repeats, the mount path is the key",
		before: "m: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]",
		after:  "m: [{name: v, mountPath: /b, readOnly: true}, {name: v, mountPath: /a}]",
		want: []diff.Field{
			{Pointer: "/m", Label: "m", Kind: diff.Changed, Before: "order [/a, /b]", After: "order [/b, /a]"},
			{Pointer: "/m/0/readOnly", Label: "m[/b].readOnly", Kind: diff.Added, After: "true"},
		},
	}, {
		name: "subjects", why: "the same name in two namespaces needs both",
		before: "s: [{kind: SA, name: a, namespace: x}]", after: "s: [{kind: SA, name: a, namespace: x}, {kind: SA, name: a, namespace: z}]",
		want: []diff.Field{{Pointer: "/s/1", Label: "s[a/z]", Kind: diff.Added, After: "{kind: SA, name: a, namespace: z}"}},
	}, {
		name: "inserted", why: "an inserted argument is one added field",
		before: "args: [a, b, c]", after: "args: [a, x, b, c]",
		want: []diff.Field{{Pointer: "/args/1", Label: "args[1]", Kind: diff.Added, After: "x"}},
	}, {
		name: "changed item", why: "one for one is a change, in scalars and in maps without a key",
		before: "{args: [a, b], rules: [{verbs: [get]}]}", after: "{args: [a, c], rules: [{verbs: [get, list]}]}",
		want: []diff.Field{
			{Pointer: "/args/1", Label: "args[1]", Kind: diff.Changed, Before: "b", After: "c"},
			{Pointer: "/rules/0/verbs/1", Label: "rules[0].verbs[1]", Kind: diff.Added, After: "list"},
		},
	}, {
		name: "shorter", why: "a removed item keeps its old index",
		before: "args: [a, b, c]", after: "args: [a]",
		want: []diff.Field{
			{Pointer: "/args/1", Label: "args[1]", Kind: diff.Removed, Before: "b"},
			{Pointer: "/args/2", Label: "args[2]", Kind: diff.Removed, Before: "c"},
		},
	}, {
		name: "names", why: "a member with dots is set apart in the label and escaped in the pointer",
		before: "metadata: {labels: {a.b/c: x}}", after: "metadata: {labels: {a.b/c: 'true'}}",
		want: []diff.Field{{Pointer: "/metadata/labels/a.b~1c", Label: "metadata.labels[a.b/c]", Kind: diff.Changed, Before: "x", After: `"true"`}},
	}, {
		name: "other type", why: "a map that becomes a list is one change",
		before: "a: {b: 1}", after: "a: [1]",
		want: []diff.Field{{Pointer: "/a", Label: "a", Kind: diff.Changed, Before: "{b: 1}", After: "[1]"}},
	}, {
		name: "created", why: "without a before all that a person wrote is added",
		after: "{kind: A, metadata: {name: x, uid: u}, status: {}}",
		want: []diff.Field{
			{Pointer: "/kind", Label: "kind", Kind: diff.Added, After: "A"},
			{Pointer: "/metadata", Label: "metadata", Kind: diff.Added, After: "{name: x}"},
		},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := diff.Objects(object(t, tt.before), object(t, tt.after))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.why, d)
			}
		})
	}
}

func TestObjectsSame(t *testing.T) {
	tests := []struct{ name, why, before, after string }{
		{"equal", "nothing differs", "a: [{b: 1}]", "a: [{b: 1}]"},
		{"nothing", "neither exists", "", ""},
		{"status", "status belongs to controllers", "status: 1", "status: 2"},
	}
	for _, tt := range tests {
		if got := diff.Objects(object(t, tt.before), object(t, tt.after)); len(got) != 0 {
			t.Errorf("%s: %s: got %v", tt.name, tt.why, got)
		}
	}
	numbers := diff.Objects(map[string]any{"a": int64(1), "n": math.NaN()}, map[string]any{"a": float64(1), "n": math.NaN()})
	if len(numbers) != 0 {
		t.Errorf("a whole float equals the integer, and NaN is bearable: got %v", numbers)
	}
}

func TestObjectsText(t *testing.T) {
	var lines []string
	for _, c := range "abcdefghij" {
		lines = append(lines, string(c))
	}
	before := strings.Join(lines, "\n") + "\n"
	tests := []struct{ name, why, after, want string }{
		{"two hunks", "distant changes are apart, each with one line around it",
			strings.Replace(strings.Replace(before, "b\n", "B\n", 1), "i\n", "", 1),
			"@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -8,3 +8,2 @@\n h\n-i\n j"},
		{"one hunk", "near changes share their context",
			strings.Replace(strings.Replace(before, "b\n", "B\n", 1), "e\n", "E\n", 1),
			"@@ -1,6 +1,6 @@\n a\n-b\n+B\n c\n d\n-e\n+E\n f"},
		{"start", "an insertion at the top has context below only", "new\n" + before, "@@ -1 +1,2 @@\n+new\n a"},
		{"line end", "a missing last line end is said", strings.TrimSuffix(before, "\n"),
			"@@ -9,2 +9,2 @@\n i\n-j\n+j\n\\ No newline at the end"},
		{"emptied", "an empty text has no lines", "", "@@ -1,10 +0,0 @@\n-" + strings.Join(lines, "\n-")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := diff.Objects(map[string]any{"data": map[string]any{"f": before}}, map[string]any{"data": map[string]any{"f": tt.after}})
			want := []diff.Field{{Pointer: "/data/f", Label: "data.f", Kind: diff.Changed, Text: tt.want}}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.why, d)
			}
		})
	}
}

func TestObjectsSecret(t *testing.T) {
	before := object(t, `{kind: Secret, type: Opaque, data: {old: c3Bpa2U=, same: c2FtZQ==, user: YWxpY2U=}, metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "spike1"}}}`)
	after := object(t, `{kind: Secret, type: Other, data: {new: spikespike, same: c2FtZQ==, user: "spike\nspike\nspike"}, stringdata: {a: [spike]}, metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "spike2"}}}`)
	got := diff.Objects(before, after)
	want := []diff.Field{
		{Pointer: "/data/new", Label: "data.new", Kind: diff.Added, After: "***"},
		{Pointer: "/data/old", Label: "data.old", Kind: diff.Removed, Before: "***"},
		{Pointer: "/data/user", Label: "data.user", Kind: diff.Changed, Before: "***", After: "*** (changed)"},
		{Pointer: "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", Label: "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
			Kind: diff.Changed, Before: "***", After: "*** (changed)"},
		{Pointer: "/stringdata", Label: "stringdata", Kind: diff.Added, After: "{a: ['***']}"},
		{Pointer: "/type", Label: "type", Kind: diff.Changed, Before: "Opaque", After: "Other"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("no value of a Secret is shown, a changed one is visible as changed (-want +got):\n%s", d)
	}
}

func TestMask(t *testing.T) {
	secret := object(t, `{kind: Secret, metadata: {name: s, annotations: {a: b, x/last-applied-configuration: spike}}, data: {k: spike}, stringData: spike}`)
	want := object(t, `{kind: Secret, metadata: {name: s, annotations: {a: b, x/last-applied-configuration: "***"}}, data: {k: "***"}, stringData: "***"}`)
	if d := cmp.Diff(want, diff.Mask(secret)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if secret["stringData"] != "spike" {
		t.Error("the object itself was changed")
	}
	config := object(t, `{kind: ConfigMap, data: {k: v}}`)
	if d := cmp.Diff(config, diff.Mask(config)); d != "" {
		t.Errorf("only Secrets are masked (-want +got):\n%s", d)
	}
}
