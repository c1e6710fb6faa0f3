package helmrelease

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/source"
)

// agree renders a chart in our way and with the action of Helm 4.
func agree(t *testing.T, why, spec string, files map[string]string) {
	t.Helper()
	in := input(simple(t, spec), cluster{}, sources{charts: map[string]source.Chart{"demo": chart(t, files)}})
	in.Cluster = offlineCluster{}
	if !compareWithAction(t, in) {
		t.Errorf("%s: the chart cannot be prepared", why)
	} else if t.Failed() {
		t.Fatalf("%s: see above", why)
	}
}

func chartFiles(name, more string) string {
	return "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n" + more
}

// subchart are the files of a subchart that prints its values.
func subchart(name, values string) map[string]string {
	return map[string]string{
		"charts/" + name + "/Chart.yaml":       chartFiles(name, ""),
		"charts/" + name + "/values.yaml":      values,
		"charts/" + name + "/templates/a.yaml": configMapNamed("{{ .Chart.Name }}") + "data:\n  v: {{ toJson .Values | quote }}\n",
	}
}

func configMapNamed(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
}

func joined(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// TestDependenciesAsAction holds what Helm makes of subcharts against what the
// action of Helm 4 makes of them.
func TestDependenciesAsAction(t *testing.T) {
	const print = "templates/values.yaml"
	values := map[string]string{print: configMapNamed("parent") + "data:\n  v: {{ toJson .Values | quote }}\n"}
	for _, row := range []struct {
		why, dependencies, defaults, user, sub string
	}{
		{"a subchart that is not named", "", "", "", "a: 1\n"},
		{"a condition that is false", "{name: sub, version: 1.x, condition: sub.enabled}", "sub: {enabled: false}\n", "", "a: 1\n"},
		{"a condition that the user sets", "{name: sub, version: 1.x, condition: sub.enabled}", "sub: {enabled: false}\n", "sub: {enabled: true}", "a: 1\n"},
		{"a condition that is no boolean", "{name: sub, version: 1.x, condition: sub.enabled}", "sub: {enabled: \"false\"}\n", "", "a: 1\n"},
		{"the first condition that exists counts", "{name: sub, version: 1.x, condition: \"sub.none,sub.enabled\"}", "sub: {enabled: false}\n", "", "a: 1\n"},
		{"a tag that is false", "{name: sub, version: 1.x, tags: [t]}", "tags: {t: false}\n", "", "a: 1\n"},
		{"one of two tags is true", "{name: sub, version: 1.x, tags: [t, u]}", "tags: {t: false, u: true}\n", "", "a: 1\n"},
		{"a condition goes before a tag", "{name: sub, version: 1.x, tags: [t], condition: sub.enabled}", "tags: {t: false}\nsub: {enabled: true}\n", "", "a: 1\n"},
		{"an alias", "{name: sub, version: 1.x, alias: other}", "other: {b: 2}\n", "other: {c: 3}", "a: 1\n"},
		{"a chart and its alias", "{name: sub, version: 1.x}, {name: sub, version: 1.x, alias: other}", "", "other: {c: 3}\n    sub: {d: 4}", "a: 1\n"},
		{"another version than the one in charts", "{name: sub, version: 2.x}", "", "", "a: 1\n"},
		{"imported values", "{name: sub, version: 1.x, import-values: [{child: a, parent: x}]}", "x: {k: 1}\n", "", "a: {k: 2, l: 3}\n"},
		{"exported values", "{name: sub, version: 1.x, import-values: [data]}", "", "k: 5", "exports: {data: {k: 2, l: 3}}\n"},
		{"imported values that are absent", "{name: sub, version: 1.x, import-values: [data]}", "", "", "a: 1\n"},
		{"imported null", "{name: sub, version: 1.x, import-values: [{child: a, parent: x}]}", "x: {k: null}\n", "", "a: {k: 2, l: null}\n"},
		{"globals", "{name: sub, version: 1.x}", "global: {g: 1, t: {x: 1}}\n", "global: {g: 2}", "global: {g: 3, t: {x: 2, y: 2}}\n"},
		{"a null that removes a default of the subchart", "{name: sub, version: 1.x}", "", "sub: {a: null}", "a: 1\nb: 2\n"},
		{"a null in the defaults that removes a default of the subchart", "{name: sub, version: 1.x}", "sub: {a: null}\n", "", "a: 1\nb: 2\n"},
		{"values of a subchart that are no table", "{name: sub, version: 1.x}", "", "sub: text", "a: 1\n"},
		{"values of a subchart that are null", "{name: sub, version: 1.x}", "", "sub: null", "a: 1\n"},
		{"a table over a text", "{name: sub, version: 1.x}", "a: text\n", "a: {b: 1}", "a: 1\n"},
		{"a text over a table", "{name: sub, version: 1.x}", "a: {b: 1}\n", "a: text", "a: 1\n"},
	} {
		files := joined(values, subchart("sub", row.sub), map[string]string{"values.yaml": row.defaults})
		files["Chart.yaml"] = chartFiles("demo", "dependencies: ["+row.dependencies+"]\n")
		agree(t, row.why, "  values:\n    u: 1\n    "+row.user+"\n", files)
	}
}

// TestDocumentsAsAction holds what becomes of the output of templates against
// what the action of Helm 4 makes of it, with each strategy of post-rendering.
func TestDocumentsAsAction(t *testing.T) {
	object := func(kind, name, more string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n" + more
	}
	onHook := func(events, more string) string {
		return "  annotations:\n    helm.sh/hook: " + events + "\n" + more
	}
	for _, row := range []struct{ why, text string }{
		{"nothing", ""},
		{"blanks", "\n  \n\n"},
		{"a comment", "# nothing\n"},
		{"separators only", "---\n---\n"},
		{"several documents", object("Secret", "b", "") + "---\n" + object("ConfigMap", "a", "") + "---\n" + object("Namespace", "c", "")},
		{"text after a separator", "--- # first\n" + object("ConfigMap", "a", "") + "---  \n" + object("ConfigMap", "b", "")},
		{"a separator with content", "--- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"},
		{"four dashes", object("ConfigMap", "a", "data:\n  x: |\n    ----\n    y\n")},
		{"a separator in a block scalar", object("ConfigMap", "a", "data:\n  x: |\n    ---\n    y\n")},
		{"line ends of Windows", strings.ReplaceAll(object("ConfigMap", "a", "data: {x: y}\n")+"---\n"+object("ConfigMap", "b", ""), "\n", "\r\n")},
		{"a block scalar at the end", object("ConfigMap", "a", "data:\n  x: |+\n    y\n\n\n")},
		{"two blanks before the end", object("ConfigMap", "a", "data:\n  x: \"y  \"\n") + "\n\n  "},
		{"an anchor", object("ConfigMap", "a", "data:\n  x: &x y\n  z: *x\n")},
		{"a list of objects", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"},
		{"a list with nothing in it", "apiVersion: v1\nkind: List\nitems: [null, {apiVersion: v1, kind: Secret, metadata: {name: b}}]\n"},
		{"a list of nothing", "apiVersion: v1\nkind: List\nitems:\n"},
		{"a list of texts", "apiVersion: v1\nkind: List\nitems: [a]\n"},
		{"a list without items", "apiVersion: v1\nkind: List\nmetadata: {name: a}\n"},
		{"a list of one kind", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"},
		{"numbers and dates", object("ConfigMap", "a", "data: {a: 0755, b: 1e3, c: 1_000, d: 2026-01-01, e: 0x1F, f: 12:30, g: 1.10}\n")},
		{"words of YAML 1.1", object("ConfigMap", "a", "data: {y: yes, no: off, t: true, n: ~}\n")},
		{"quoted words", object("ConfigMap", "a", "data: {a: \"yes\", b: 'null', c: \"1\", d: '0755'}\n")},
		{"null annotations", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n  labels:\n"},
		{"null metadata", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n"},
		{"a name that is a number", object("ConfigMap", "1", "")},
		{"an object twice", object("ConfigMap", "a", "") + "---\n" + object("ConfigMap", "a", "")},
		{"an object in two namespaces", object("ConfigMap", "a", "") + "---\n" + object("ConfigMap", "a", "  namespace: other\n")},
		{"no kind", "apiVersion: v1\nmetadata: {name: a}\n"},
		{"no name", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"},
		{"a generated name", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n"},
		{"a text", "just words\n"},
		{"a list", "- a\n- b\n"},
		{"broken YAML", "a: [1\nb: 2\n"},
		{"a tab", "a:\n\tb: 1\n"},
		{"a key twice", object("ConfigMap", "a", "data: {x: 1}\ndata: {x: 2}\n")},
		{"metadata that is a text", "apiVersion: v1\nkind: ConfigMap\nmetadata: x\n"},
		{"annotations that are a list", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: [x]}\n"},
		{"hooks by weight", object("ConfigMap", "a", onHook("pre-install", "    helm.sh/hook-weight: \"5\"\n")) + "---\n" + object("ConfigMap", "b", onHook("pre-install,post-upgrade", "    helm.sh/hook-weight: \"-5\"\n"))},
		{"a hook of an unknown event", object("ConfigMap", "a", onHook("no-such-event", ""))},
		{"a weight that is no number", object("ConfigMap", "a", onHook("pre-install", "    helm.sh/hook-weight: x\n"))},
		{"a hook and a template of one identity", object("ServiceAccount", "a", onHook("pre-install", "")) + "---\n" + object("ServiceAccount", "a", "")},
		{"a test of old", object("Pod", "a", onHook("test-success", ""))},
		{"kinds that Helm orders", object("Pod", "a", "") + "---\n" + object("Zebra", "b", "") + "---\n" + object("Service", "c", "") + "---\n" + object("Alpha", "d", "") + "---\n" + object("PriorityClass", "e", "")},
		{"a long line", object("ConfigMap", "a", "data: {x: \""+strings.Repeat("word ", 60)+"\"}\n")},
		{"signs of other scripts", object("ConfigMap", "a", "data: {x: \"é ☃ \\u0007\"}\n")},
		{"a comment on a value", object("ConfigMap", "a", "data:\n  x: y # why\n  # more\n  z: 1\n")},
		{"an empty object", "{}\n"},
		{"null", "null\n"},
		{"tags", object("ConfigMap", "a", "data: {x: !!str 1, y: !!binary aGk=}\n")},
		{"a merge key", object("ConfigMap", "a", "base: &b {x: 1}\ndata:\n  <<: *b\n  y: 2\n")},
	} {
		for _, strategy := range []string{"combined", "separate", "nohooks"} {
			t.Run(fmt.Sprintf("%s/%s", row.why, strategy), func(t *testing.T) {
				agree(t, row.why, "  postRenderStrategy: "+strategy+"\n  commonMetadata: {labels: {team: blue}, annotations: {a: b}}\n", map[string]string{
					"templates/b.yaml": row.text, "templates/a.yaml": object("Service", "first", ""), "templates/_c.yaml": "not: seen\n", "templates/NOTES.txt": "hello\n",
				})
			})
		}
	}
}

// TestTemplatesAsAction holds what templates see and how they fail against the
// action of Helm 4.
func TestTemplatesAsAction(t *testing.T) {
	for _, row := range []struct{ why, template string }{
		{"the release", `{{ .Release | toJson }}`},
		{"the template", `{{ .Template | toJson }}`},
		{"the chart by field", `{{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }} {{ .Chart.Type }} {{ .Chart.IsRoot }}`},
		{"the chart as a whole", `{{ toJson .Chart }}`},
		{"dependencies of the chart", `{{ range .Chart.Dependencies }}{{ .Name }}{{ end }}`},
		{"dependencies of the chart as text", `{{ .Chart.Dependencies | toJson }}`},
		{"annotations of the chart", `{{ .Chart.Annotations.a }}{{ index .Chart.Annotations "b" }}`},
		{"versions", `{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Major }} {{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.KubeVersion.GitVersion }}`},
		{"the version as a whole", `{{ .Capabilities.KubeVersion }}`},
		{"versions compared", `{{ semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}`},
		{"Helm", `{{ .Capabilities.HelmVersion.Version }} {{ .Capabilities.HelmVersion.GoVersion | empty }}`},
		{"API versions", `{{ .Capabilities.APIVersions.Has "apps/v1" }} {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }} {{ .Capabilities.APIVersions.Has "no/v1" }}`},
		{"subcharts", `{{ .Subcharts.sub.Values | toJson }} {{ .Subcharts.sub.Chart.Name }} {{ omit .Subcharts.sub "Capabilities" | toJson }}`},
		{"files", `{{ .Files.Get "f.txt" }} {{ (.Files.Glob "*.txt").AsConfig | nindent 4 | quote }} {{ .Files.Lines "f.txt" }}`},
		{"a file that is absent", `{{ .Files.Get "none" }}`},
		{"an index of nothing", `{{ .Values.a.b }}`},
		{"an index of nothing in a definition", `{{ include "inner" . }}`},
		{"required", `{{ required "say a" .Values.a }}`},
		{"fail", `{{ fail "no" }}`},
		{"a wrong type", `{{ add "a" | upper }}{{ .Values.u.x }}`},
		{"an unknown function", `{{ nope }}`},
		{"an unknown definition", `{{ include "nope" . }}`},
		{"an unknown template", `{{ template "nope" . }}`},
		{"a loop of definitions", `{{ include "loop" . }}`},
		{"a template that is run", `{{ tpl "{{ .Values.u }}" . }}`},
		{"a broken template that is run", `{{ tpl "{{ .Values.u" . }}`},
		{"a failing template that is run", `{{ tpl "{{ .Values.u.x.y }}" . }}`},
		{"a definition in a template that is run", `{{ tpl "{{ define \"x\" }}1{{ end }}{{ include \"x\" . }}" . }}`},
		{"null", `{{ .Values.none }}{{ .Values.none | quote }}{{ printf "%v" .Values.none }}`},
		{"numbers", `{{ .Values.n }} {{ .Values.big }} {{ .Values.f }} {{ .Values.n | int64 }} {{ .Values.big | int64 }} {{ typeOf .Values.n }} {{ toYaml .Values.big }} {{ toJson .Values.big }}`},
		{"YAML and back", `{{ (fromYaml "a: 1\nb: [x]").a }} {{ fromYaml "a: [" | toJson }} {{ fromYamlArray "[1, 2]" | toJson }} {{ fromJson "{" | toJson }}`},
		{"TOML", `{{ toToml (dict "a" 1 "b" (dict "c" "d")) | quote }} {{ fromToml "a = 1" | toJson }}`},
		{"pretty YAML", `{{ toYamlPretty (dict "a" (list 1 2)) | quote }}`},
		{"tables that are merged", `{{ mergeOverwrite (dict "a" (dict "b" 1)) (dict "a" (dict "c" 2)) | toJson }} {{ merge (dict "a" 1) (dict "a" 2 "b" nil) | toJson }}`},
		{"an object that is absent", `{{ lookup "v1" "Secret" "team" "none" | toJson }} {{ (lookup "v1" "Secret" "team" "none").data | toJson }}`},
		{"DNS", `{{ getHostByName "localhost" }}`},
		{"an environment", `{{ env "HOME" }}`},
		{"division by nothing", `{{ div 1 0 }}`},
		{"a break", `{{ range until 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}`},
		{"comparing types", `{{ eq 1 "1" }}`},
		{"a date", `{{ toDate "2006-01-02" "2026-05-01" | date "02.01.2006" }} {{ now | date "2006" }}`},
		{"hashes", `{{ sha256sum "a" }} {{ adler32sum "a" }} {{ derivePassword 1 "long" "a" "b" "c" }}`},
	} {
		t.Run(row.why, func(t *testing.T) {
			agree(t, row.why, "  values: {u: text, n: 3, big: 12345678901, f: 1.50}\n", joined(subchart("sub", "a: 1\n"), map[string]string{
				"Chart.yaml":        chartFiles("demo", "appVersion: \"7\"\nannotations: {a: b}\ndependencies: [{name: sub, version: 1.x}]\n"),
				"templates/_i.tpl":  `{{ define "inner" }}{{ .Values.a.b }}{{ end }}{{ define "loop" }}{{ include "loop" . }}{{ end }}`,
				"templates/cm.yaml": configMapNamed("a") + "data:\n  x: |-\n    " + row.template + "\n",
				"f.txt":             "one\ntwo\n",
			}))
		})
	}
}
