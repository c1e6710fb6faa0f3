package repo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

const deployment = `# a comment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: "ghcr.io/shop/web:1.0"
        - name: proxy
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {a/b: 'it''s'}}
data:
  key: |
    text
---
---
base: &base
  one: 1
  two: 2
derived:
  <<: *base
  two: 22
alias: *base
`

func at(line, col, end int, p finding.Precision) finding.Position {
	pos := finding.Position{File: "a.yaml", Line: line, Col: col, Precision: p}
	if end > 0 {
		pos.EndLine, pos.EndCol = line, end
	}
	return pos
}

// placeCases are places in the documents of deployment.
var placeCases = []struct {
	why     string
	doc     int
	pointer string
	value   finding.Position
	key     finding.Position
}{
	{"the document begins at its first key", 0, "",
		at(2, 1, 0, finding.PrecisionDocument), at(2, 1, 0, finding.PrecisionDocument)},
	{"a plain scalar with its end", 0, "/spec/replicas",
		at(8, 13, 14, finding.PrecisionExact), at(8, 3, 11, finding.PrecisionExact)},
	{"a quoted scalar ends after its quote", 0, "/spec/template/spec/containers/0/image",
		at(13, 18, 40, finding.PrecisionExact), at(13, 11, 16, finding.PrecisionExact)},
	{"a list item has no key", 0, "/spec/template/spec/containers/1",
		at(14, 11, 0, finding.PrecisionExact), at(14, 11, 0, finding.PrecisionExact)},
	{"an absent field points at the key of its parent", 0, "/spec/strategy/type",
		at(7, 1, 0, finding.PrecisionParent), at(7, 1, 0, finding.PrecisionParent)},
	{"an absent field of a list item points at the item", 0, "/spec/template/spec/containers/1/image",
		at(14, 11, 0, finding.PrecisionParent), at(14, 11, 0, finding.PrecisionParent)},
	{"an index outside the list points at the list", 0, "/spec/template/spec/containers/7",
		at(11, 7, 0, finding.PrecisionParent), at(11, 7, 0, finding.PrecisionParent)},
	{"an absent field of the document points at its start", 0, "/data",
		at(2, 1, 0, finding.PrecisionParent), at(2, 1, 0, finding.PrecisionParent)},
	{"lines count from the start of the file", 1, "/data/key",
		at(20, 8, 0, finding.PrecisionExact), at(20, 3, 6, finding.PrecisionExact)},
	{"a slash in a key is escaped, a doubled quote closes nothing", 1, "/metadata/labels/a~1b",
		at(18, 42, 49, finding.PrecisionExact), at(18, 37, 40, finding.PrecisionExact)},
	{"an empty document begins at its marker", 2, "/kind",
		at(22, 1, 0, finding.PrecisionDocument), at(22, 1, 0, finding.PrecisionDocument)},
	{"a merge key is followed to where the value is written", 3, "/derived/one",
		at(25, 8, 9, finding.PrecisionExact), at(25, 3, 6, finding.PrecisionExact)},
	{"an own key wins over a merged one", 3, "/derived/two",
		at(29, 8, 10, finding.PrecisionExact), at(29, 3, 6, finding.PrecisionExact)},
	{"an alias is followed into its anchor", 3, "/alias/two",
		at(26, 8, 9, finding.PrecisionExact), at(26, 3, 6, finding.PrecisionExact)},
	{"an alias itself is where it stands", 3, "/alias",
		at(30, 8, 0, finding.PrecisionExact), at(30, 1, 6, finding.PrecisionExact)},
}

func TestAt(t *testing.T) {
	docs := FromFiles(map[string]string{"a.yaml": deployment}).Documents()
	if len(docs) != 4 {
		t.Fatalf("got %d documents, want 4", len(docs))
	}
	for _, tt := range placeCases {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.value, docs[tt.doc].At(tt.pointer)); diff != "" {
				t.Errorf("At(%q) (-want +got):\n%s", tt.pointer, diff)
			}
			if diff := cmp.Diff(tt.key, docs[tt.doc].KeyAt(tt.pointer)); diff != "" {
				t.Errorf("KeyAt(%q) (-want +got):\n%s", tt.pointer, diff)
			}
		})
	}
}

func TestRef(t *testing.T) {
	tests := []struct {
		why, text string
		want      finding.Ref
		ok        bool
	}{
		{"a group is part of the name", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}",
			finding.Ref{Group: "apps", Kind: "Deployment", Namespace: "b", Name: "a"}, true},
		{"the core group is empty", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}",
			finding.Ref{Kind: "Secret", Name: "a"}, true},
		{"an alias gives the name", "apiVersion: v1\nkind: &k Secret\nmetadata: {name: *k}",
			finding.Ref{Kind: "Secret", Name: "Secret"}, true},
		{"without a name it is no object", "apiVersion: v1\nkind: Secret\n", finding.Ref{Kind: "Secret"}, false},
		{"a list is no object", "- a\n", finding.Ref{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			docs := FromFiles(map[string]string{"a.yaml": tt.text}).Documents()
			got, ok := docs[0].Ref()
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("got %v, want %v (-want +got):\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func TestMap(t *testing.T) {
	tests := []struct {
		why, text string
		want      map[string]any
		fails     bool
	}{
		{"numbers are int64 or float64", "a: 1\nb: 1.5\nc: 0x10\nd: 9223372036854775808\n",
			map[string]any{"a": int64(1), "b": 1.5, "c": int64(16), "d": 9223372036854775808.0}, false},
		{"a whole float is an integer in JSON", "a: 1.0\nb: 1e3\n", map[string]any{"a": int64(1), "b": int64(1000)}, false},
		{"the YAML 1.1 booleans are text", "a: yes\nb: on\nc: true\ny: n\n",
			map[string]any{"a": "yes", "b": "on", "c": true, "y": "n"}, false},
		{"a date is text", "a: 2024-01-02\n", map[string]any{"a": "2024-01-02"}, false},
		{"an absent value is nil", "a:\nb: ~\n", map[string]any{"a": nil, "b": nil}, false},
		{"keys become text", "1: a\ntrue: b\n1.5: c\n", map[string]any{"1": "a", "true": "b", "1.5": "c"}, false},
		{"merge keys fill gaps, the first wins", "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], c: 3}\n",
			map[string]any{
				"x": map[string]any{"a": int64(1), "b": int64(1)},
				"y": map[string]any{"b": int64(2), "c": int64(2)},
				"z": map[string]any{"a": int64(1), "b": int64(1), "c": int64(3)},
			}, false},
		{"the last of equal keys wins", "a: 1\na: 2\n", map[string]any{"a": int64(2)}, false},
		{"infinity has no place in JSON", "a: .inf\n", nil, true},
		{"a list is no mapping", "- a\n", nil, true},
		{"an anchor that contains itself", "a: &a [*a]\n", nil, true},
		{"a mapping as a key", "{a: b}: c\n", nil, true},
		{"a merge key without a mapping", "<<: 1\n", nil, true},
		{"an empty document is nil", "---\n", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			docs := FromFiles(map[string]string{"a.yaml": tt.text}).Documents()
			got, err := docs[0].Map()
			if (err != nil) != tt.fails {
				t.Fatalf("error %v, want one: %v", err, tt.fails)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
