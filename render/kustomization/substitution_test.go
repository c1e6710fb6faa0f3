package kustomization

import (
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func one(value string) map[string]string {
	return map[string]string{"app/a.yaml": cm("a", "k: "+value)}
}

func failing(text string) []string {
	return []string{"BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: " + text}
}

const substitute = "  postBuild:\n    substitute: {A: axb, num: \"5\", empty: \"\", q: '\"'}\n"

// TestDialect has one row for each form of an expression.
func TestDialect(t *testing.T) {
	const unparsed = "variable substitution failed: "
	tests := []struct{ reason, text, want string }{
		{"a variable", "${A}", `"axb"`},
		{"its length", "x${#A}", `"x3"`},
		{"upper case", "${A^^}${A^}", `"AXBAxb"`},
		{"lower case", "${A,,}${A,}", `"axbaxb"`},
		{"a part from an offset", "${A:1}", `"xb"`},
		{"a part of a length", "${A:0:2}", `"ax"`},
		{"a prefix removed", "${A#a}${A##*x}", `"xbb"`},
		{"a suffix removed", "${A%b}${A%%x*}", `"axa"`},
		{"text replaced", "${A/x/y}${A//x/y}", `"aybayb"`},
		{"text replaced at the start and the end", "${A/#a/y}${A/%b/y}", `"yxbaxy"`},
		{"defaults", "${N=d}${N:=d}${N:-d}", `"ddd"`},
		{"a default of an empty value", "${empty:-d}", `"d"`},
		{"an alternative is a default", "${A:+d}", `"axb"`},
		{"an error text is a default", "${N:?d}", `"d"`},
		{"a default in a default", "${N:=${M:=d}}", `"d"`},
		{"without braces it is text", "$A", `"$A"`},
		{"two dollars are one", "$${A} a$$b", `"${A} a$b"`},
		{"a number stays a number", "${num}", `5`},
		{"quotes from a variable do", "${q}${num}${q}", `"5"`},
		{"an unset variable", "${N}", unparsed + `variable not set (strict mode): "N"`},
		{"no colon, no default", "${A-d}", unparsed + "missing closing brace"},
		{"no colon, no alternative", "${A+d}", unparsed + "missing closing brace"},
		{"a dash in a name", "${a-b}", unparsed + "missing closing brace"},
		{"a dot in a name", "${a.b}", unparsed + "missing closing brace"},
		{"no name", "${.a}", unparsed + "unable to parse variable name"},
		{"an indirection", "${!A}", unparsed + "unable to parse variable name"},
		{"a brace that is not closed", "${A", unparsed + "missing closing brace"},
	}
	var rows []semantics
	for _, test := range tests {
		row := semantics{reason: test.reason, spec: substitute, files: one("'" + test.text + "'"), show: []string{"/data/k"}, want: []string{"ConfigMap /a k=" + test.want}}
		if strings.HasPrefix(test.want, unparsed) {
			row.want = failing(test.want)
		}
		rows = append(rows, row)
	}
	checkSemantics(t, rows)
}

func TestSubstitution(t *testing.T) {
	from := func(optional string) string {
		return "  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: one" + optional + "}\n    - {kind: Secret, name: two" + optional + "}\n"
	}
	one1 := "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: flux-system}\ndata: {X: one, Y: one, Z: \"l1\\nl2\"}\n"
	two2 := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: two, namespace: flux-system}\ndata: {Y: dHdv}\nstringData: {W: text}\n"
	show := []string{"/data/k"}
	checkSemantics(t, []semantics{
		{reason: "quotes in the file do not keep a number text", spec: substitute, files: one(`"${num}"`), show: show, want: []string{"ConfigMap /a k=5"}},
		{reason: "without postBuild the text stays", files: one("${N} $$"), show: show, want: []string{`ConfigMap /a k="${N} $$"`}},
		{reason: "without any variable it stays, too", spec: "  postBuild: {}\n", files: one("${N:=d} $$"), show: show, want: []string{`ConfigMap /a k="${N:=d} $$"`}},
		{reason: "unless it is always done", spec: "  postBuild: {substituteStrategy: Always}\n", files: one("${N:=d} $$"), show: show, want: []string{`ConfigMap /a k="d $"`}},
		{reason: "always does not mean that all are set", spec: "  postBuild: {substituteStrategy: Always}\n", files: one("${N}"),
			want: failing(`variable substitution failed: variable not set (strict mode): "N"`)},
		{reason: "a controller that is not strict knows no unset variable", spec: substitute, lax: true, files: one("x${N}"), show: show, want: []string{`ConfigMap /a k="x"`}},
		{reason: "later sources win; line breaks go", spec: from("") + one1 + two2, files: one("${X} ${Y} ${Z} ${W}"), show: show, want: []string{`ConfigMap /a k="one two l1l2 text"`}},
		{reason: "inline values win over all sources", spec: strings.Replace(from(""), "postBuild:\n", "postBuild:\n    substitute: {Y: inline}\n", 1) + one1 + two2,
			files: one("${Y}"), show: show, want: []string{`ConfigMap /a k="inline"`}},
		{reason: "a source that is missing", spec: from("") + one1, files: one("x"),
			want: []string{`BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': substitute from 'Secret/two' error: secrets "two" not found`}},
		{reason: "and optional", spec: from(", optional: true") + one1, files: one("${Y}"), show: show, want: []string{`ConfigMap /a k="one"`}},
		{reason: "optional sources that are all missing mean that nothing is substituted", spec: from(", optional: true"), files: one("$${y}"), show: show, want: []string{`ConfigMap /a k="$${y}"`}},
		{reason: "a source of another namespace is not read", spec: from("") + strings.ReplaceAll(one1+two2, "namespace: flux-system", "namespace: other"), files: one("x"),
			want: []string{`BuildFailed: post build failed for 'ConfigMap.v1.[noGrp]/a': substitute from 'ConfigMap/one' error: configmaps "one" not found`}},
		{reason: "an invalid name of an inline variable fails, also unused", spec: "  postBuild:\n    substitute: {my-var: x}\n", files: one("x"),
			want: failing("'my-var' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'")},
		{reason: "an annotation opts out", spec: substitute, files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\ndata: {k: \"${N}$$\"}\n"},
			show: show, want: []string{`ConfigMap /a k="${N}$$"`}},
		{reason: "a label does, too", spec: substitute, files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\ndata: {k: \"${N}\"}\n"},
			show: show, want: []string{`ConfigMap /a k="${N}"`}},
		{reason: "but not in another case", spec: substitute, files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {kustomize.toolkit.fluxcd.io/substitute: Disabled}}\ndata: {k: \"${A}\"}\n"},
			show: show, want: []string{`ConfigMap /a k="axb"`}},
		{reason: "an object that opts out does not even load the sources", spec: from(""), files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\n"},
			want: []string{"ConfigMap /a"}},
		{reason: "octal and exponent become numbers", spec: "  postBuild:\n    substitute: {O: \"0755\", E: \"1e3\", T: \"true\", D: \"2026-01-01\"}\n",
			files: map[string]string{"app/a.yaml": cm("a", "o: ${O}", "e: ${E}", "t: ${T}", "d: ${D}", "y: '${Y:=yes}'", "s: 'v${O}'")},
			show:  []string{"/data/o", "/data/e", "/data/t", "/data/d", "/data/y", "/data/s"}, want: []string{`ConfigMap /a o=493 e=1000 t=true d="2026-01-01" y=true s="v0755"`}},
		{reason: "a value may bring structure", spec: "  postBuild:\n    substitute: {L: \"{x: z}\"}\n", files: one("${L}"), show: show, want: []string{`ConfigMap /a k={"x":"z"}`}},
		{reason: "or break the text", spec: "  postBuild:\n    substitute: {L: \"a: b: c\"}\n", files: one("${L}"),
			want: failing("YAMLToJSON: yaml: line 3: mapping values are not allowed in this context")},
		{reason: "base64 is not text", spec: substitute, files: map[string]string{"app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: JHtBfQ==}\nstringData: {s: \"${A}\"}\n"},
			show: []string{"/data/k", "/stringData/s"}, want: []string{`Secret /a k="JHtBfQ==" s="axb"`}},
		{reason: "a comment that uses a variable is gone before", spec: substitute, files: map[string]string{"app/a.yaml": cm("a", "k: v # ${N}")}, show: show, want: []string{`ConfigMap /a k="v"`}},
		{reason: "names and kinds can come from variables", spec: substitute, files: map[string]string{"app/a.yaml": cm("x-${A}")}, want: []string{"ConfigMap /x-axb"}},
		{reason: "an object of Flux gets its own variables first", spec: substitute, files: map[string]string{"app/a.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: \"${A}\", targetNamespace: \"$${N}\"}\n"},
			show: []string{"/spec/path", "/spec/targetNamespace"}, want: []string{`Kustomization /a path="axb" targetNamespace="${N}"`}},
	})
}

// TestOrderOfFailures shows which mistake the condition names: the first step
// that fails.
func TestOrderOfFailures(t *testing.T) {
	checkSemantics(t, []semantics{
		{
			reason: "expressions before the source", spec: "  healthCheckExprs: [{apiVersion: a/v1, kind: K}]\n",
			want: []string{"InvalidCELExpression: Reconciliation failed terminally due to configuration error: " +
				"failed to create custom status evaluator for healthchecks[0]: expression Current not specified"},
		},
		{
			reason: "dependencies before the path", spec: "  dependsOn: [{name: x, readyExpr: '1'}]\n",
			want: []string{"InvalidCELExpression: Reconciliation failed terminally due to configuration error: " +
				"terminal error: failed to evaluate dependency x: CEL expression output type mismatch: expected bool, got int"},
		},
		{reason: "the path before the build", spec: "  components: [/abs]\n", want: []string{"ArtifactFailed: kustomization path not found: stat app: no such file or directory"}},
		{reason: "the component before the build", spec: "  components: [/abs]\n", files: map[string]string{"app/kustomization.yaml": "resources: [gone.yaml]\n"},
			want: []string{"BuildFailed: component path '/abs' must be local and relative"}},
		{
			reason: "the build before substitution", spec: "  postBuild: {substitute: {a-b: x}}\n", files: map[string]string{"app/kustomization.yaml": "resources: [gone.yaml]\n"},
			want: []string{"BuildFailed: kustomize build failed: accumulating resources: accumulation err='accumulating resources from 'gone.yaml': open app/gone.yaml: no such file or directory': " +
				"must build at directory: not a valid directory: evalsymlink failure on 'app/gone.yaml' : lstat app/gone.yaml: no such file or directory"},
		},
	})
}

// TestSuspended shows that nothing is wrong with what nobody looks at.
func TestSuspended(t *testing.T) {
	res := newFleet(t, map[string]string{"ks.yaml": ownerFile + "  suspend: true\n  healthCheckExprs: [{apiVersion: a/v1, kind: K}]\n"}).render()
	if res.State != render.Suspended || len(res.Problems) > 0 || res.Ready != (render.Condition{}) {
		t.Errorf("%s %v %v", res.State, res.Problems, res.Ready)
	}
}
