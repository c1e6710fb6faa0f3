package release

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/render/helmrelease"
)

// Helm's own check of values fetches what a schema refers to. The replay reads
// local copies, and says word for word what Helm says.
func TestValuesAreCheckedAgainstLocalCopies(t *testing.T) {
	var asked atomic.Int32
	const remote = `{"definitions": {"port": {"type": "integer"}}, "properties": {"port": {"$ref": "#/definitions/port"}}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(remote))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "remote.json")
	if err := os.WriteFile(file, []byte(remote), 0o600); err != nil {
		t.Fatal(err)
	}
	here := helmrelease.New(helmrelease.Options{HTTP: func(url string) (string, bool) { return file, strings.HasPrefix(url, server.URL) }})
	nowhere := helmrelease.New(helmrelease.Options{HTTP: func(string) (string, bool) { return "", false }})
	whole := `{"allOf": [{"$ref": "` + server.URL + `/values.json"}], "properties": {"kept": {"type": "string"}}}`
	part := `{"properties": {"port": {"$ref": "` + server.URL + `/values.json#/definitions/port"}, "kept": {"type": "string"}}}`
	sub := map[string]string{
		"Chart.yaml":                    "{apiVersion: v2, name: demo, version: 1.0.0, dependencies: [{name: sub, version: 1.0.0}]}",
		"charts/sub/Chart.yaml":         "{apiVersion: v2, name: sub, version: 1.0.0}",
		"charts/sub/values.yaml":        "size: 1",
		"charts/sub/values.schema.json": `{"required": ["size"], "properties": {"size": {"type": "integer"}}}`,
	}
	for _, row := range []struct {
		why, schema, values string
		more                map[string]string
		renderer            *helmrelease.Renderer
		unlike              bool   // Helm would say something else, as the document is there for it
		want                string // part of the message; empty when the release is installed
	}{
		{"a document refuses a value", whole, "{port: x}", nil, here, false, "- at '/port': got string, want integer"},
		{"a part of a document refuses it", part, "{port: x}", nil, here, false, "- at '/port': got string, want integer"},
		{"a document accepts the values", whole, "{port: 1}", nil, here, false, ""},
		{"a document that is not at hand refuses nothing", whole, "{port: x}", nil, nowhere, true, ""},
		{"what the chart says itself counts", whole, "{kept: 1}", nil, nowhere, false, "demo:\n- at '/kept': got number, want string"},
		{"a file is not read", `{"$ref": "file://` + file + `"}`, "{port: x}", nil, here, true, "no such file or directory"},
		{"a subchart refuses a value", "{}", "{sub: {size: x}}", sub, here, false, "sub:\n- at '/size': got string, want integer"},
		{"a subchart has values of another type", "{}", "{sub: 1}", sub, here, false, "sub"},
		{"a schema is no schema", `{"type": 1}`, "{}", nil, here, false, "demo"},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := chart{"templates/a.yaml": configMap("a", "key: x"), "values.schema.json": row.schema}
			for path, text := range row.more {
				c[path] = text
			}
			verdict := func(name string, check func([]byte, map[string]any) error) string {
				p := newPlay(t, strings.ReplaceAll(strings.ToLower("values "+name+" "+row.why), " ", "-"))
				p.want("  releaseName: app\n  values: " + row.values)
				return p.keep(Reconcile(t.Context(), Request{
					Config: p.config, Object: p.object, Settings: render.DefaultSettings(), Prepared: p.prepare(c), Check: check,
				})).Ready().Message
			}
			helm := verdict("helm", nil)
			before := asked.Load()
			ours := verdict("ours", row.renderer.CheckValues)
			if n := asked.Load() - before; n != 0 {
				t.Errorf("%d documents were fetched", n)
			}
			helm = strings.ReplaceAll(helm, "values-helm", "values-ours")
			if !row.unlike && ours != helm {
				t.Errorf("Helm says\n%s\nthe replay\n%s", helm, ours)
			}
			if want := row.want; want == "" && !strings.Contains(ours, "install succeeded") || !strings.Contains(ours, want) {
				t.Errorf("the verdict is %q, want %q", ours, want)
			}
		})
	}
}

// An upgrade that keeps values is checked with them.
func TestKeptValuesAreChecked(t *testing.T) {
	p := newPlay(t, "values-kept")
	check := helmrelease.New(helmrelease.Options{HTTP: func(string) (string, bool) { return "", false }}).CheckValues
	reconcile := func(c chart) string {
		return p.keep(Reconcile(t.Context(), Request{
			Config: p.config, Object: p.object, Settings: render.DefaultSettings(), Prepared: p.prepare(c), Check: check,
		})).Ready().Message
	}
	p.want("  upgrade: {preserveValues: true}\n  values: {kept: text}")
	reconcile(chart{"templates/a.yaml": configMap("a", "key: x")})
	p.want("  upgrade: {preserveValues: true}\n  values: {more: 1}")
	got := reconcile(chart{"templates/a.yaml": configMap("a", "key: x"), "values.schema.json": `{"properties": {"kept": {"type": "integer"}}}`})
	if want := "- at '/kept': got string, want integer"; !strings.Contains(got, want) {
		t.Errorf("the verdict is %q, want %q", got, want)
	}
}
