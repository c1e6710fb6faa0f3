package helmrelease

import (
	"testing"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// A field of a chart's object leads to the value that it has, else to the line
// of the template that writes it.
func TestTrace(t *testing.T) {
	files := map[string]string{
		"c/demo/Chart.yaml":  "apiVersion: v2\nname: demo\nversion: 0.1.0\n",
		"c/demo/values.yaml": "port: 80\nowner: nobody\n",
		"c/demo/templates/all.yaml": `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
    - port: {{ .Values.port }}
  {{- if .Values.broken }}
  sort: plain
  {{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: cm
  labels:
    {{- include "demo.labels" . | nindent 4 }}
data:
  sort: other
  image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
  owner: {{ .Values.owner }}
  data: inner
`,
		"c/demo/templates/_labels.tpl": "{{ define \"demo.labels\" }}tier: front{{ end }}",
	}
	obj := gitRelease(t, `  values:
    other: 800000
    port: 800000
    broken: true
    image:
      repository: app
      tag: v1
`)
	service := finding.Ref{Kind: "Service", Namespace: "team", Name: "web"}
	config := finding.Ref{Kind: "ConfigMap", Namespace: "team", Name: "cm"}
	in := input(obj, cluster{}, sources{charts: map[string]source.Chart{"demo": gitChart("c/demo", files)}})
	for _, c := range []struct {
		why     string
		object  finding.Ref
		pointer string
		want    string
	}{
		{"the value, and not another one that is equal", service, "/spec/ports/0/port", "hr.yaml:14:11"},
		{"a field that the template writes, under a condition", service, "/spec/sort", "c/demo/templates/all.yaml:8:3"},
		{"the same key in another object", config, "/data/sort", "c/demo/templates/all.yaml:18:3"},
		{"two values make it together", config, "/data/image", "c/demo/templates/all.yaml:19:3"},
		{"a default of the chart", config, "/data/owner", "c/demo/templates/all.yaml:20:3"},
		{"another file of the chart writes it", config, "/metadata/labels/tier", ""},
		{"a field that is not there is missing in what is around it", service, "/spec/type", "c/demo/templates/all.yaml:4:1"},
		{"not what the field stands in, whose key is the same", config, "/data/data", "c/demo/templates/all.yaml:21:3"},
		{"nothing around it is written either", service, "/status/loadBalancer", ""},
		{"the whole object", service, "", ""},
		{"an object that is not there", finding.Ref{Kind: "Secret", Name: "x"}, "/data", ""},
	} {
		got := New(Options{Namespaced: scopes}).Trace(t.Context(), in, c.object, c.pointer)
		text := got.String()
		if got.IsZero() {
			text = ""
		}
		if text != c.want {
			t.Errorf("%s (%s): got %q, want %q", c.why, c.pointer, text, c.want)
		}
	}
	chartless := input(obj, cluster{}, sources{charts: map[string]source.Chart{}})
	if got := New(Options{}).Trace(t.Context(), chartless, service, "/spec/sort"); !got.IsZero() {
		t.Errorf("without the chart nothing is known: got %s", got)
	}
}
