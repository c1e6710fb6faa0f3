package helmrelease

import (
	"strings"
	"testing"
)

func TestAsked(t *testing.T) {
	const any = "any"
	for _, row := range []struct{ why, template, values, want string }{
		{"nothing", `a: {{ .Values.a }}`, "", ""},
		{"the Kubernetes version, on which every render depends", `{{ .Capabilities.KubeVersion.Version }}{{ .Capabilities.HelmVersion.Version }}`, "", ""},
		{"one version", `{{ if .Capabilities.APIVersions.Has "a/v1" }}{{ end }}`, "", "a/v1"},
		{"some, in expressions", `{{ if and ($.Capabilities.APIVersions.Has "b/v1/B") (not (.x.Capabilities.APIVersions.Has "a/v1")) }}{{ end }}`, "", "a/v1 b/v1/B"},
		{"in a definition of a subchart", `{{ define "x" }}{{ .Capabilities.APIVersions.Has "a/v1" | ternary 1 2 }}{{ end }}`, "", "a/v1"},
		{"one that the values name", `{{ .Capabilities.APIVersions.Has .Values.a }}`, "", any},
		{"one that is put together", `{{ .Capabilities.APIVersions.Has (printf "%s/v1" .Values.a) }}`, "", any},
		{"one that is piped", `{{ "a/v1" | .Capabilities.APIVersions.Has }}`, "", any},
		{"the list", `{{ range .Capabilities.APIVersions }}{{ . }}{{ end }}`, "", any},
		{"the list in another function", `{{ has "a/v1" .Capabilities.APIVersions }}`, "", any},
		{"all capabilities, kept", `{{ $c := .Capabilities }}{{ $c.APIVersions.Has "a/v1" }}`, "", any},
		{"all capabilities by their key", `{{ $c := get . "Capabilities" }}`, "", any},
		{"everything printed", `{{ $ | toYaml }}{{ toYaml $ }}`, "", any},
		{"in a text that is run", `{{ tpl .Values.a . }}`, `{a: '{{ .Capabilities.APIVersions.Has "a/v1" }}'}`, "a/v1"},
		{"in a text that is run as a part", `{{ tpl (print "{{ " .Values.a " }}") . }}`, `{a: .Capabilities.APIVersions}`, any},
		{"in a text that is not run", `{{ .Values.a }}`, `{a: .Capabilities.APIVersions}`, ""},
		{"in a file that is run", `{{ tpl (.Files.Get "file.txt") . }}`, "", "c/v1"},
		{"beside a call that needs Helm 4", `{{ now }}{{ .Capabilities.APIVersions.Has "a/v1" }}{{ tpl .Values.a . }}`, `{a: '{{ .Capabilities.APIVersions }}'}`, any},
		{"a template that does not parse", `{{ if }}`, "", any},
	} {
		files := map[string]string{"templates/a.yaml": row.template, "file.txt": `{{ .Capabilities.APIVersions.Has "c/v1" }}`, "values.yaml": row.values}
		run, _, _ := composed(t, "", chart(t, files).Archive)
		asks, known := run.renderer.surveys.asked(run.chart, run.prepared.Values)
		got := strings.Join(asks, " ")
		if !known {
			got = any
		}
		if got != row.want {
			t.Errorf("%s: depends on %q, want %q", row.why, got, row.want)
		}
	}
}
